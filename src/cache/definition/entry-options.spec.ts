import { defaultPolicy } from '../engine/entry-policy.js';
import { declaredPolicy, modulePolicy, type EntryOptions } from './entry-options.js';

describe('how a method’s entries are kept', () => {
  it('is built in, unless the module says otherwise, unless the method does', () => {
    const module = { grace: '1m', consistency: 'bounded', refreshAhead: 0.5 } as const;

    expect(modulePolicy({})).toEqual(defaultPolicy);
    expect(modulePolicy(module)).toEqual({
      ...defaultPolicy,
      graceMs: 60_000,
      consistency: 'bounded',
      refreshAhead: 0.5,
    });
    const declared = declaredPolicy({ grace: 0, consistency: 'strong' }, 'a');
    expect({ ...modulePolicy(module), ...declared }).toEqual({
      ...defaultPolicy,
      refreshAhead: 0.5,
    });
  });

  it('is said in seconds or with a unit', () => {
    expect(
      declaredPolicy(
        { grace: 60, softTimeout: 0.2, hardTimeout: '2s', retryAfter: '5s', minFresh: 1, refreshAhead: 1 },
        'a',
      ),
    ).toEqual({
      graceMs: 60_000,
      softTimeoutMs: 200,
      hardTimeoutMs: 2000,
      retryAfterMs: 5000,
      minFreshMs: 1000,
      refreshAhead: 1,
    });
    expect(declaredPolicy({ softTimeout: 0, retryAfter: 0, minFresh: 0 }, 'a')).toEqual({
      softTimeoutMs: 0,
      retryAfterMs: 0,
      minFreshMs: 0,
    });
  });

  it.each<[string, EntryOptions, string]>([
    ['a negative grace', { grace: -1 }, 'CACHE_INVALID_TTL'],
    ['a grace without a unit', { grace: '60' as '60s' }, 'CACHE_INVALID_TTL'],
    ['a hard timeout of nothing', { hardTimeout: 0 }, 'CACHE_INVALID_TTL'],
    ['a soft timeout that is no number', { softTimeout: NaN }, 'CACHE_INVALID_TTL'],
    ['a negative pause', { retryAfter: -1 }, 'CACHE_INVALID_TTL'],
    ['a refresh from the start', { refreshAhead: 0 }, 'CACHE_INVALID_OPTIONS'],
    ['a refresh after the end', { refreshAhead: 1.1 }, 'CACHE_INVALID_OPTIONS'],
    ['a consistency of its own', { consistency: 'eventual' as 'strong' }, 'CACHE_INVALID_OPTIONS'],
  ])('is refused with the method’s name: %s', (_, options, code) => {
    expect(() => declaredPolicy(options, 'Some.method')).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('Some.method') }),
    );
  });
});
