import { inspect, isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { methodKeyText, pythonJson, routeKeyText, scopedKeyText, storeKey } from './cache-key.js';

describe('the documented keys of the platform', () => {
  it.each([
    ['system_stats', '/api/v3/system/stats', {}, '9505732c81570138bbdd2cb93202d986'],
    [
      'course_analytics',
      '/api/v3/analytics/courses/PROG-101',
      { course_id: 'PROG-101' },
      '5175c193bc1aabc5676b35613cb0699d',
    ],
    [
      'student_risk',
      '/api/v3/analytics/students/STU001',
      { student_id: 'STU001', course_id: undefined },
      'cb826aa752409f6e93203ad94a1cb4a5',
    ],
    [
      'student_risk',
      '/api/v3/analytics/students/STU001',
      { student_id: 'STU001', course_id: 'PROG-101' },
      '71b8567eacdad2b32c02891da1cd94ed',
    ],
  ])('are ours: %s %s %j', (prefix, path, inputs, md5) => {
    expect(storeKey(prefix, routeKeyText(prefix, path, inputs))).toBe(`cache:${prefix}:${md5}`);
  });

  it('escape what is outside ASCII as Python does', () => {
    expect(pythonJson({ b: ['ñ', '😀'], a: 'x"\n' })).toBe(
      '{"a": "x\\"\\n", "b": ["\\u00f1", "\\ud83d\\ude00"]}',
    );
  });
});

describe('a route’s key', () => {
  it.each([
    ['a Date', { at: new Date(0) }],
    ['a Map', { ids: new Map([[1, 2]]) }],
    ['a Set in a list', { ids: [new Set([1])] }],
    ['parameters', new URLSearchParams('a=1')],
    ['a promise', Promise.resolve({ a: 1 })],
    ['bytes', { raw: Buffer.from('a') }],
    ['NaN', { page: NaN }],
    ['an infinity', { page: Infinity }],
    ['a bigint', { page: 1n }],
    ['a function', { page: () => 1 }],
    ['nothing', undefined],
  ])('is never made of what it would take for something else: %s', (_, inputs) => {
    expect(() => routeKeyText('p', '/x', inputs as never)).toThrow(/no form that a key could hold/);
  });

  it('holds plain objects, wherever they come from', () => {
    class Page {
      number = 1;
    }
    const bare = Object.assign(Object.create(null) as object, { a: 1 });

    expect(routeKeyText('p', '/x', { page: new Page(), bare, none: {} })).toBe(
      'p|/x|{"bare": {"a": 1}, "none": {}, "page": {"number": 1}}',
    );
  });

  it('is never made of an object whose fields are those of another', () => {
    const base = Object.assign(Object.create(null) as object, { tenant: 'a' });

    expect(() => routeKeyText('p', '/x', Object.create(base) as never)).toThrow(
      /no form that a key could hold/,
    );
  });

  it.each([[{}], [Promise.resolve('ada')], [true], [NaN], [undefined], [['ada']]])(
    'never names as its principal what is no name: %j',
    (id) => {
      expect(() => scopedKeyText('p|/x', 'user', id)).toThrow(/no form that a key could hold/);
    },
  );

  it('tells apart principals that are texts and numbers', () => {
    expect(['7', 7, 7n].map((id) => scopedKeyText('', 'user', id))).toEqual([
      '|user:"7"',
      '|user:7',
      '|user:7',
    ]);
  });
});

it.each([
  [
    'a plain object',
    { b: [1, undefined], a: new Date(0) },
    '{"a":{"$date":"1970-01-01T00:00:00.000Z"},"b":[1,{"$undefined":""}]}',
  ],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
  [
    'an object of a query',
    Object.assign(Object.create(Object.create(null) as object) as object, { a: 1 }),
    '{"a":1}',
  ],
  ['an object of another realm', runInNewContext('({ a: 1 })'), '{"a":1}'],
  ['an address', new URL('http://a/'), '{"$class":"URL","of":"http://a/"}'],
])('the key of a method holds no more than it must: %s', (_, value, text) => {
  expect(methodKeyText('p', 'C.m', [value])).toBe(`p|C.m|[${text}]`);
});

describe('different arguments', () => {
  it.each([
    [
      ['a:b', 'c'],
      ['a', 'b:c'],
    ],
    [[1], ['1']],
    [[null], [undefined]],
    [[undefined], []],
    [['null'], [null]],
    [[-0], [0]],
    [[NaN], [null]],
    [[1n], [1]],
    [[new Date(0)], ['1970-01-01T00:00:00.000Z']],
    [[new Date(0)], [{ $date: '1970-01-01T00:00:00.000Z' }]],
    [['\u00e9'], ['e\u0301']],
  ])('never share a key: %j and %j', (one, other) => {
    expect(methodKeyText('p', 'C.m', one)).not.toBe(methodKeyText('p', 'C.m', other));
  });

  it('never share a key, whatever they are', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true });
    fc.assert(
      fc.property(fc.array(anything), fc.array(anything), (one, other) => {
        fc.pre(!isDeepStrictEqual(one, other));
        expect(methodKeyText('p', 'C.m', one)).not.toBe(methodKeyText('p', 'C.m', other));
      }),
      { numRuns: 2000 },
    );
  });

  it('A7: never share a key, by the million of pairs', () => {
    const long = 'x'.repeat(10_000);
    const near = fc.constantFrom(
      'a:b',
      'a',
      'b',
      'b:c',
      'c',
      '',
      '1',
      'null',
      'NaN',
      '-0',
      '\u00e9',
      'e\u0301',
    );
    const value = fc.oneof(
      near,
      fc.constantFrom(1, -0, 0, NaN, null, undefined, 1n, true, 'true', new Date(0), `${long}1`, `${long}2`),
      fc.string({ maxLength: 3 }),
      fc.integer({ min: 0, max: 20 }),
      fc.date({ noInvalidDate: false }),
      fc.array(near, { maxLength: 3 }),
      fc.dictionary(near, near, { maxKeys: 3, noNullPrototype: true }),
    );
    const samples = fc.sample(fc.array(value, { minLength: 1, maxLength: 3 }), 2500);

    // Each kind of value written in a way of its own, fields in order: not how keys are made.
    const byKey = new Map<string, string>();
    for (const args of samples) {
      const key = methodKeyText('p', 'C.m', args);
      const written = inspect(args, { depth: 9, sorted: true, maxStringLength: null, breakLength: Infinity });
      if ((byKey.get(key) ?? written) !== written) expect(written).toBe(byKey.get(key));
      byKey.set(key, written);
    }

    const different = new Set(byKey.values()).size;
    expect(different).toBe(byKey.size);
    expect((different * (different - 1)) / 2).toBeGreaterThan(1e6);
  });

  it('share a key when they differ only in the order of fields', () => {
    expect(methodKeyText('p', 'C.m', [{ a: 1, b: 2 }])).toBe(methodKeyText('p', 'C.m', [{ b: 2, a: 1 }]));
  });

  it('cannot forge the principal of a scoped key', () => {
    const honest = scopedKeyText(routeKeyText('p', '/x', {}), 'user', 'a');
    const forged = scopedKeyText(routeKeyText('p', '/x|user:"a"', {}), 'user', 'b');

    expect(forged).not.toBe(honest);
  });
});
