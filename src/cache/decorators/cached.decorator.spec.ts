import { cachedDefinition } from '../definition/cached-definition.js';
import { Cached } from './cached.decorator.js';

class Views {
  @Cached({ ttl: 60, tags: () => ['system'] })
  byFunction(): Promise<number> {
    return Promise.resolve(1);
  }

  @Cached({ ttl: 60, tags: 'system' })
  byTemplate(): Promise<number> {
    return Promise.resolve(1);
  }

  @Cached({ ttl: 60, tags: 'system', audit: false })
  unaudited(): Promise<number> {
    return Promise.resolve(1);
  }

  @Cached(60)
  untagged(): Promise<number> {
    return Promise.resolve(1);
  }
}

it.each([
  ['byFunction', true],
  ['byTemplate', true],
  ['unaudited', false],
  ['untagged', false],
] as const)('hits of a method are audited where it names a tag, unless it says otherwise: %s', (name, is) => {
  const method = Reflect.get(Views.prototype, name) as object;

  expect(cachedDefinition(method)?.audit).toBe(is);
});
