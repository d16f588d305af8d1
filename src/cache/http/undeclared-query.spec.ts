import type { CacheRequest } from '../definition/cache-request.js';
import { UndeclaredQuery } from './undeclared-query.js';

class Page {
  page?: string;
  tenant?: string;
}

const request = (query: Record<string, string>) => ({ query }) as unknown as CacheRequest;

describe('query parameters that a class does not describe', () => {
  let undeclared: UndeclaredQuery;

  beforeEach(() => {
    undeclared = new UndeclaredQuery({ names: new Set(['page']), taken: [{ index: 0, type: Page }] });
  });

  it('are in the key, and those that it describes are not', () => {
    expect(undeclared.keyText(request({ page: '1', tenant: 'a' }))).toBe('|query:{"tenant": "a"}');
    expect(undeclared.keyText(request({ page: '1' }))).toBe('');
  });

  it('leave it once a handler was called without them', () => {
    undeclared.learn(request({ page: '1', tenant: 'a' }), [Object.assign(new Page(), { page: '1' })]);

    expect(undeclared.keyText(request({ tenant: 'b' }))).toBe('');
    expect(undeclared.keyText(request({ utm: '1' }))).toBe('|query:{"utm": "1"}');
  });

  it.each([
    ['it got one', Object.assign(new Page(), { tenant: 'a' })],
    ['a pipe made nothing of this value', Object.assign(new Page(), { tenant: undefined })],
    ['nobody can see what it got', new Map()],
    ['it got something else', 'a'],
  ])('stay in it where %s', (_, arg) => {
    undeclared.learn(request({ tenant: 'a' }), [arg]);

    expect(undeclared.keyText(request({ tenant: 'b' }))).toBe('|query:{"tenant": "b"}');
  });
});
