import { pathParameters } from './route-paths.js';

describe('the parameters of a path', () => {
  it.each([
    ['/shops/:a/items/:b', ['a', 'b']],
    ['/:from-:to/:file.png', ['from', 'to', 'file']],
    ['/:größe/:$id/:a_b', ['größe', '$id', 'a_b']],
    ['/:optional?/{:lang/}x', ['optional', 'lang']],
    ['/:type(^(?:cat|dog)$)/:id', ['type', 'id']],
    ['/items::batch/:id', ['id']],
    ['/items\\:batch/:id', ['id']],
    ['/:"a-b"/:n', ['a-b', 'n']],
    ['/items/:id\\:cancel', ['id']],
    ['/items/:file\\.json', ['file']],
    ['/items/:id(^\\d+$)::cancel', ['id']],
    ['/at/:hour(^\\d{2})h:minute(^\\d{2})m', ['hour', 'minute']],
    ['/:id/parts/:id', ['id']],
    ['/files/*rest', []],
  ])('of %s are %j', (path, names) => {
    expect(pathParameters([path])).toEqual([names]);
  });
});
