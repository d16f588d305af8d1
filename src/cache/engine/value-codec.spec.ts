import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { decodeValue, encodeValue } from './value-codec.js';

const names = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('$date', '$bigint', '$undefined', '$number', '$$date', '__proto__', 'toJSON', '0', ''),
);
const texts = fc.oneof(names, fc.constantFrom('2026-02-05T18:52:18.000Z', '12n', 'NaN'));
/** All that is said to come back as it was. */
const plain = fc.anything({
  key: names,
  values: [
    texts,
    fc.boolean(),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    // No invalid ones: not every version of Node takes them for equal to themselves.
    fc.date({ noInvalidDate: true }),
    fc.constantFrom<unknown>(null, undefined, NaN, Infinity, -Infinity, 0, -0),
  ],
  maxDepth: 4,
});

describe('a stored value', () => {
  it('comes back as it was, whatever plain data it is', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(isDeepStrictEqual(decodeValue(encodeValue(value)), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('has one text, whatever the order of its properties', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: false });
    fc.assert(
      fc.property(anything, (value) => {
        const text = encodeValue(value);
        expect(encodeValue(decodeValue(text))).toBe(text);
        expect(encodeValue(reversed(value))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('comes back as a plain object where it was an instance: of its fields, or of its toJSON', () => {
    class Instance {
      constructor(fields: object) {
        // Not assigned: `__proto__` is a setter.
        Object.defineProperties(this, Object.getOwnPropertyDescriptors(fields));
      }

      size(): number {
        return Object.keys(this).length;
      }
    }
    class Told {
      readonly #value: unknown;

      constructor(value: unknown) {
        this.#value = value;
      }

      toJSON(): unknown {
        return this.#value;
      }
    }
    const fields = fc.dictionary(names, plain, { minKeys: 1, noNullPrototype: true });
    fc.assert(
      fc.property(fields, plain, (own, told) => {
        const value = [
          new Instance(own),
          { nested: new Told(told) },
          Object.assign(Object.create(null), { told }),
        ];

        const expected = [own, { nested: told }, { told }];
        expect(isDeepStrictEqual(decodeValue(encodeValue(value)), expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is a date, and refused as a Map or a Set, also where it is one of another realm', () => {
    const date = runInNewContext('new Date(0)') as unknown;

    expect(decodeValue(encodeValue({ date }))).toEqual({ date: new Date(0) });
    expect(encodeValue(date, { asKey: true })).not.toBe(encodeValue(new Date(0).toJSON(), { asKey: true }));
    for (const made of ['new Map([[1, 2]])', 'new Set([1])']) {
      expect(() => encodeValue(runInNewContext(made))).toThrow('cannot be stored');
    }
  });

  it('is an invalid date still', () => {
    const [date] = decodeValue(encodeValue([new Date(NaN)])) as Date[];

    expect(date).toBeInstanceOf(Date);
    expect(date?.getTime()).toBeNaN();
  });

  it.each([
    null,
    0,
    -0,
    '',
    false,
    undefined,
    NaN,
    Infinity,
    12n,
    new Date(5),
    { $date: 'x' },
    { $$a: { $: 1 } },
    [undefined],
  ])('keeps %p apart from everything else', (value) => {
    expect(decodeValue(encodeValue(value))).toStrictEqual(value);
  });

  it('does not let a __proto__ field become a prototype', () => {
    const value = decodeValue(encodeValue(JSON.parse('{"__proto__": {"admin": true}}'))) as {
      admin?: boolean;
    };

    expect(value.admin).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__']);
  });

  it.each([
    [() => 1],
    [Symbol('s')],
    [new Map()],
    [Buffer.from('x')],
    [/a/],
    [new URLSearchParams('a=1')],
    [new Error('e')],
    [new ArrayBuffer(1)],
  ])('is refused when it has no stored form: %p', (value) => {
    expect(() => encodeValue(value)).toThrow('cannot be stored');
  });

  it('is refused as a list with fields of its own, which JSON leaves out', () => {
    expect(() => encodeValue(/b/.exec('abc'))).toThrow('a list with fields of its own');
  });

  it('is refused when it contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;

    expect(() => encodeValue(loop)).toThrow('contains itself');
  });
});

/** The same value with the properties of all objects in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, field]) => [name, reversed(field)]),
  );
}
