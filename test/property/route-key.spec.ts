import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { fastify } from 'fastify';
import type { CacheRequest } from '../../src/cache/index.js';
import { routeKeyText, storeKey } from '../../src/cache/engine/cache-key.js';
import { compileKeyText, inOneSpelling, pathOf } from '../../src/cache/http/route-key.js';
import { undeclaredText } from '../../src/cache/http/undeclared-query.js';

function request(url: string, values: Record<string, unknown>): CacheRequest {
  return { method: 'GET', url, params: {}, query: values, headers: {} };
}

function compiled(prefix: string, names: readonly string[]) {
  return compileKeyText(
    prefix,
    names.map((name) => ({ name, read: ({ query }) => query[name] })),
  );
}

const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
/** What arrives in a path, query or header before any pipe. */
const received = fc.oneof(
  anyText,
  fc.constant(undefined),
  fc.array(anyText),
  fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText))),
);

describe('compiled key texts', () => {
  it('are the documented ones', () => {
    const path = '/api/v3/analytics';
    const key = (prefix: string, url: string, values: Record<string, unknown>) =>
      storeKey(prefix, compiled(prefix, Object.keys(values))(request(url, values)));

    expect(key('system_stats', '/api/v3/system/stats?utm=1', {})).toBe(
      'cache:system_stats:9505732c81570138bbdd2cb93202d986',
    );
    expect(key('course_analytics', `${path}/courses/PROG-101`, { course_id: 'PROG-101' })).toBe(
      'cache:course_analytics:5175c193bc1aabc5676b35613cb0699d',
    );
    expect(
      key('student_risk', `${path}/students/STU001`, { student_id: 'STU001', course_id: undefined }),
    ).toBe('cache:student_risk:cb826aa752409f6e93203ad94a1cb4a5');
    expect(
      key('student_risk', `${path}/students/STU001`, { student_id: 'STU001', course_id: 'PROG-101' }),
    ).toBe('cache:student_risk:71b8567eacdad2b32c02891da1cd94ed');
  });

  it('A7: are those that the plain recipe gives, whatever is declared and whatever arrives', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, received), fc.webPath(), fc.string(), (values, path, query) => {
        const url = `${path}?${query}`;

        const text = compiled('prefix', Object.keys(values))(request(url, values));

        expect(text).toBe(routeKeyText('prefix', inOneSpelling(path), values));
      }),
      { numRuns: 500 },
    );
  });

  it('A7: differ whenever any value differs', () => {
    const keyText = compiled('prefix', ['a', 'b']);
    fc.assert(
      fc.property(received, received, received, received, (a, b, c, d) => {
        fc.pre(JSON.stringify([a ?? null, b ?? null]) !== JSON.stringify([c ?? null, d ?? null]));

        expect(keyText(request('/x', { a, b }))).not.toBe(keyText(request('/x', { a: c, b: d })));
      }),
      { numRuns: 500 },
    );
  });

  it('A22: hold no fragment, of which a client can make up as many as it likes', () => {
    for (const url of ['/x#a', '/x#b', '/x#', '/x?y#a', '/x#y?z', '/x#?']) {
      expect([url, pathOf(request(url, {}))]).toEqual([url, '/x']);
    }
  });

  it('A22: hold a path that means the same in one spelling, and no more than that', () => {
    const character = fc.constantFrom(...Array.from('azAZ09-._~%/?#[]@!$&()*+,;=: "<>é'));
    const spelled = (one: string, way: number) =>
      way === 0 && /[\w.~-]/.test(one)
        ? one
        : [...Buffer.from(one)]
            .map((byte) => byte.toString(16).padStart(2, '0'))
            .map((digits) => `%${way === 1 ? digits.toUpperCase() : digits}`)
            .join('');
    const path = fc.array(fc.tuple(character, fc.nat(2), fc.nat(2)), { maxLength: 8 });
    fc.assert(
      fc.property(path, path, (one, other) => {
        const written = (place: 1 | 2, of = one) => `/${of.map((c) => spelled(c[0], c[place])).join('')}`;

        const text = inOneSpelling(written(1));

        expect(inOneSpelling(written(2))).toBe(text);
        expect(inOneSpelling(text)).toBe(text);
        expect(decodeURIComponent(text)).toBe(decodeURIComponent(written(1)));
        const isSame = one.map(([c]) => c).join('') === other.map(([c]) => c).join('');
        expect(inOneSpelling(written(1, other)) === text).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['/%2f%3f%26%3d%2b%25%3a', '/%2F%3F%26%3D%2B%25%3A'],
    ['/a+b!c:d', '/a+b!c:d'],
    ['/%2573', '/%2573'],
    ['/%25%37%33', '/%2573'],
    ['/%ff%00', '/%FF%00'],
    ['/%73%', '/%73%'],
    ['/%%37%33', '/%%37%33'],
    ['/%7%33', '/%7%33'],
    ['/%73%zz', '/%73%zz'],
    ['http://me@h:80/%73', '/s'],
    ['HTTPS://[::1]', '/'],
    ['//h/%73', '//h/s'],
    ['*', '*'],
  ])('A22: take %s for %s', (path, text) => {
    expect(inOneSpelling(path)).toBe(text);
  });

  it('take the path that was received, before anything rewrote it', () => {
    expect(pathOf({ ...request('/rewritten', {}), originalUrl: '/received?x=1' })).toBe('/received');
    expect(pathOf(request('/only?', {}))).toBe('/only');
  });
});

describe('one question, however its query is written', () => {
  const declared = ['course_id', 'page', 'a'] as const;
  /** The entries that a request is answered from: of a route that takes what it declares, and of one that takes all. */
  const server = fastify();
  const declaredText = compiled('prefix', declared);
  server.get('/things/:id', (asked) => {
    const received = request(asked.url, asked.query as Record<string, unknown>);
    const text = declaredText(received);
    return [text, text + undeclaredText(received, new Set(declared))].map((one) => storeKey('prefix', one));
  });

  afterAll(() => server.close());

  async function keysOf(url: string): Promise<[string, string]> {
    const answer = await server.inject(url);
    expect(answer.statusCode).toBe(200);
    return answer.json();
  }

  /** What is given under a name, in its order: nothing, one text, or several. */
  type Given = Readonly<Record<string, readonly string[]>>;
  const anyValue = fc.oneof(
    fc.constantFrom('', '1', '2', '1,2', 'null', '["1", "2"]', '1", "page": "2', '&page=2', '%32'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const values = fc.oneof(
    // Those that a careless key would take for each other.
    fc.constantFrom([], [''], ['null'], ['1'], ['1', '1'], ['1', '2'], ['2', '1'], ['1,2'], ['["1", "2"]']),
    fc.array(anyValue, { maxLength: 3 }),
  );
  const id = fc.constantFrom('PROG-101', 'PROG-102');
  const plain = { noNullPrototype: true };
  const given = fc.record({ course_id: values, page: values, a: values }, plain);
  const question = fc.record({ id, given }, plain);
  /** Two questions that differ in one place, or in none. */
  const questions = fc
    .tuple(question, id, fc.constantFrom('id', ...declared), values)
    .map(([one, otherId, place, changed]) => {
      const given = place === 'id' ? one.given : { ...one.given, [place]: changed };
      return [one, { id: place === 'id' ? otherId : one.id, given }] as const;
    });
  const junk = fc.dictionary(
    fc
      .oneof(
        fc.constantFrom('utm_source', 'Page', 'page[]', 'page ', 'a.b', '', '__proto__', 'constructor'),
        fc.string({ unit: 'binary', maxLength: 8 }),
      )
      .filter((name) => !declared.some((one) => one === name)),
    fc.array(anyValue, { minLength: 1, maxLength: 2 }),
    { maxKeys: 4, noNullPrototype: true },
  );

  const everyByte = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const spellings = {
    usual: encodeURIComponent,
    everyByte,
    capitals: (text: string) => everyByte(text).toUpperCase(),
    plus: (text: string) => encodeURIComponent(text).replaceAll('%20', '+'),
  };

  /** A way to write a query: what stands where, and how each letter is spelled. */
  const spelling = fc.constantFrom(...(Object.keys(spellings) as (keyof typeof spellings)[]));
  const writing = fc.array(fc.tuple(fc.nat(), spelling), { minLength: 20, maxLength: 20 });
  type Writing = typeof writing extends fc.Arbitrary<infer T> ? T : never;

  /** The names in any order; of one name the values in theirs, which means something. */
  function written(id: string, given: Given, way: Writing): string {
    const left = Object.entries(given).map(([name, list]) => ({ name, list: [...list] }));
    const pairs = way.flatMap(([place, name]) => {
      const spelled = spellings[name];
      const waiting = left.filter(({ list }) => list.length > 0);
      const next = waiting[place % waiting.length];
      return next ? [`${spelled(next.name)}=${spelled(next.list.shift() ?? '')}`] : [];
    });
    expect(left.every(({ list }) => list.length === 0)).toBe(true);
    return `/things/${id}${pairs.length > 0 ? '?' : ''}${pairs.join('&')}`;
  }

  it('A6: has one entry, in any order and with any parameters beside, and shares it with no other question', async () => {
    await fc.assert(
      fc.asyncProperty(questions, junk, junk, writing, writing, async ([one, other], j, k, v, w) => {
        const [here, again] = await Promise.all([
          keysOf(written(one.id, { ...one.given, ...j }, v)),
          keysOf(written(one.id, { ...one.given, ...k }, w)),
        ]);
        const [elsewhere] = await keysOf(written(other.id, { ...other.given, ...k }, w));

        expect(again[0]).toBe(here[0]);
        expect(elsewhere === here[0]).toBe(isDeepStrictEqual(one, other));
      }),
      { numRuns: 500 },
    );
  });

  it('A6: has one entry in any order where a handler takes all parameters, and another with others', async () => {
    await fc.assert(
      fc.asyncProperty(question, junk, junk, writing, writing, async (one, j, k, v, w) => {
        const [, here] = await keysOf(written(one.id, { ...one.given, ...j }, v));
        const [, again] = await keysOf(written(one.id, { ...one.given, ...j }, w));
        const [, elsewhere] = await keysOf(written(one.id, { ...one.given, ...k }, w));

        expect(again).toBe(here);
        expect(elsewhere === here).toBe(isDeepStrictEqual(j, k));
      }),
      { numRuns: 500 },
    );
  });
});
