import { RouteTable } from './route-table.js';

describe('the table of routes', () => {
  const table = new RouteTable();
  table.add({ url: '/users', method: 'POST' });
  table.add({ url: '/users', method: ['GET', 'HEAD'] });
  table.add({ url: '/users/:user_id', method: 'GET' });
  table.add({ url: '/users/me', method: 'DELETE' });
  table.add({ url: '/docs/*', method: 'GET' });
  table.add({ url: '/events::batch', method: 'POST' });
  table.add({ url: '*', method: 'OPTIONS' });

  it.each([
    ['/users', ['GET', 'HEAD', 'POST']],
    ['/users/STU001', ['GET']],
    ['/users/me', ['DELETE', 'GET']],
    ['/users/', []],
    ['/users/STU001/more', []],
    ['/docs/a/b.css', ['GET']],
    ['/events:batch', ['POST']],
    ['/events::batch', []],
    ['/%75sers', ['GET', 'HEAD', 'POST']],
    ['/%75%73ers/STU%30%30', ['GET']],
    ['/users/%zz', ['GET']],
    ['/users%2FSTU001', []],
    ['/events%3Abatch', []],
    ['/%2575sers', []],
    ['/nowhere', []],
    ['/', []],
  ])('knows the methods of %s', (path, methods) => {
    expect(table.methodsOf(path)).toEqual(methods);
  });
});
