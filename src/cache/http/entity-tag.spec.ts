import { entityTag, isHeld } from './entity-tag.js';

const etag = entityTag(Buffer.from('body'));

describe('entity tags', () => {
  it('are strong, and differ by body and headers', () => {
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(entityTag(Buffer.from('body'))).toBe(etag);
    expect(entityTag(Buffer.from('other'))).not.toBe(etag);
    expect(entityTag(Buffer.from('body'), { link: '</a>' })).not.toBe(etag);
  });

  it.each([
    ['absent', undefined, false],
    ['another', '"other"', false],
    ['the same', etag, true],
    ['weak, compared weakly', `W/${etag}`, true],
    ['in a list', `"other", W/"more" , ${etag}`, true],
    ['in two headers', ['"other"', etag], true],
    ['any', '*', true],
    ['any, with spaces', ' * ', true],
    ['any in a list, which is no syntax', '"other", *', false],
    ['without quotes', etag.slice(1, -1), false],
    ['a longer one', `${etag.slice(0, -1)}x"`, false],
    ['a long list', `${'"x", '.repeat(3000)}${etag}`, true],
    ['a long list without it', '"x", '.repeat(3000), false],
  ])('If-None-Match %s', (_, header, held) => {
    expect(isHeld(header, etag)).toBe(held);
  });
});
