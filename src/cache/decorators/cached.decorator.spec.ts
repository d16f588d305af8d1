import { cachedDefinition, invalidatingDefinition } from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { Cached } from './cached.decorator.js';
import { InvalidateCache } from './invalidate-cache.decorator.js';

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

/** What JavaScript may write, on a method `Shop.price`. */
function decorated(decorator: MethodDecorator): object {
  class Shop {
    readonly price = () => Promise.resolve(1);
  }
  const descriptor: PropertyDescriptor = { value: new Shop().price };
  decorator(Shop.prototype, 'price', descriptor);
  return descriptor.value as object;
}

function refusalOf(faults: Faults | undefined): string {
  try {
    faults?.refuse();
  } catch (error) {
    return (error as Error).message;
  }
  return 'not refused';
}

it.each<[refusal: string, options: object]>([
  ["audit must be true, false or a function, not 'all'", { audit: 'all' }],
  ['audit must be', { audit: null }],
  ['unless must be a function, not true', { unless: true }],
  ["key must be a function, not 'id'", { key: 'id' }],
  ['mayBypass must be a function, not true', { mayBypass: true }],
  ['shape must be a text, not 2', { shape: 2 }],
])('an option of another kind stops the start with "%s": %j', (refusal, options) => {
  const method = decorated(Cached({ ttl: 60, ...options }));

  expect(refusalOf(cachedDefinition(method)?.faults)).toContain(
    `CACHE_INVALID_OPTIONS Shop.price: ${refusal}`,
  );
});

it('so does a `soft` that is a text', () => {
  const method = decorated(InvalidateCache({ tags: 'system', soft: 'no' as unknown as boolean }));

  expect(refusalOf(invalidatingDefinition(method)?.faults)).toContain(
    "Shop.price: soft must be true or false, not 'no'",
  );
});

it.each([
  ['Cached', Cached(60)],
  ['InvalidateCache', InvalidateCache('system')],
])('@%s on a property is refused by its name', (_, decorator) => {
  class Shop {
    readonly price = 1;
  }
  const decorate = decorator as PropertyDecorator;

  expect(() => {
    decorate(Shop.prototype, 'price');
  }).toThrow(
    expect.objectContaining({
      code: 'CACHE_INVALID_OPTIONS',
      message: 'Shop.price is no method. Decorate a method that gives it.',
    }),
  );
});
