import fc from 'fast-check';
import type { CacheRequest } from '../../src/cache/index.js';
import { routeKeyText, storeKey } from '../../src/cache/engine/cache-key.js';
import { compileKeyText, pathOf } from '../../src/cache/http/route-key.js';

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

        expect(text).toBe(routeKeyText('prefix', path, values));
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

  it('take the path that was received, before anything rewrote it', () => {
    expect(pathOf({ ...request('/rewritten', {}), originalUrl: '/received?x=1' })).toBe('/received');
    expect(pathOf(request('/only?', {}))).toBe('/only');
  });
});
