import fc from 'fast-check';
import { decodeValue, encodeValue } from './value-codec.js';

describe('a stored value', () => {
  it('comes back as it was, whatever plain data it is', () => {
    const plain = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: false });
    fc.assert(
      fc.property(plain, (value) => {
        // Different values have different texts (see the keys' tests), so equal texts mean equal values.
        const text = encodeValue(value);
        expect(encodeValue(decodeValue(text))).toBe(text);
      }),
      { numRuns: 2000 },
    );
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

  it('is refused when it contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;

    expect(() => encodeValue(loop)).toThrow('contains itself');
  });
});
