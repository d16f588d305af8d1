import { answerRules, type AnswerOptions } from './answer-options.js';
import type { Scope } from './scope.js';

const rules = (options: AnswerOptions, scope?: Scope) => answerRules(options, scope, 'Some.method');

describe('what @Cached says of answers', () => {
  it('is little where nothing is said', () => {
    expect(rules({})).toEqual({ storedHeaders: [] });
  });

  it('is brought into seconds, milliseconds and lower case', () => {
    const mayBypass = () => true;

    expect(
      rules({
        visibility: 'public',
        clientMaxAge: '2m',
        negativeTtl: 0.5,
        mayBypass,
        store: { headers: ['Link', 'X-Total-Count'] },
      }),
    ).toEqual({
      visibility: 'public',
      clientMaxAgeS: 120,
      negativeTtlMs: 500,
      mayBypass,
      storedHeaders: ['link', 'x-total-count'],
    });
  });

  it.each<[string, AnswerOptions, string]>([
    ['a client’s age that is none', { clientMaxAge: 0 }, 'CACHE_INVALID_TTL'],
    ['a negative TTL below zero', { negativeTtl: -1 }, 'CACHE_INVALID_TTL'],
    ['a visibility of its own', { visibility: 'shared' as 'public' }, 'CACHE_INVALID_OPTIONS'],
    ['a cookie', { store: { headers: ['Set-Cookie'] } }, 'CACHE_INVALID_OPTIONS'],
    ['a header of the cache', { store: { headers: ['etag'] } }, 'CACHE_INVALID_OPTIONS'],
    ['a name that is no header', { store: { headers: ['x y'] } }, 'CACHE_INVALID_OPTIONS'],
    ['one header in place of a list', { store: { headers: 'link' as never } }, 'CACHE_INVALID_OPTIONS'],
    ['headers without their name', { store: ['link'] as never }, 'CACHE_INVALID_OPTIONS'],
    ['a right that is no function', { mayBypass: true as never }, 'CACHE_INVALID_OPTIONS'],
    ['a name that breaks lines', { store: { headers: ['x\r\ny'] } }, 'CACHE_INVALID_OPTIONS'],
  ])('is refused with the method’s name: %s', (_, options, code) => {
    expect(() => rules(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('Some.method') }),
    );
  });

  it.each<Scope>(['user', 'tenant'])('cannot make public what belongs to one %s', (scope) => {
    expect(() => rules({ visibility: 'public' }, scope)).toThrow(/belong to one/);
    expect(rules({ visibility: 'private' }, scope).visibility).toBe('private');
  });
});
