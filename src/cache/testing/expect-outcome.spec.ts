import { expectBypass, expectHit, expectMiss, expectStale } from './index.js';

const checks = { HIT: expectHit, MISS: expectMiss, STALE: expectStale, BYPASS: expectBypass };
type Outcome = keyof typeof checks;

const outcomes = [
  ['ai-native; hit; ttl=12', 'HIT'],
  ['shop; hit; ttl=0', 'HIT'],
  ['ai-native; hit; ttl=12, edge; fwd=miss', 'HIT'],
  ['ai-native; hit; ttl=-3', 'STALE'],
  ['ai-native; fwd=stale; ttl=-3', 'STALE'],
  ['ai-native; fwd=stale; stored', 'MISS'],
  ['ai-native; fwd=miss; stored', 'MISS'],
  ['ai-native; fwd=miss; collapsed', 'MISS'],
  ['ai-native; fwd=bypass; detail=store-away', 'BYPASS'],
] as const;

describe.each(outcomes)('an answer with Cache-Status: %s', (cacheStatus, outcome) => {
  const headers = { 'cache-status': cacheStatus, 'x-cache': outcome };

  it(`is taken for a ${outcome}, whoever received it`, () => {
    checks[outcome](new Response('', { headers }));
    checks[outcome]({ headers });
    checks[outcome]({ headers: { ...headers, 'cache-status': [cacheStatus] } });
  });

  it('is not taken for anything else', () => {
    for (const other of (Object.keys(checks) as Outcome[]).filter((name) => name !== outcome)) {
      expect(() => {
        checks[other]({ headers });
      }).toThrow(`Expected ${other}, but Cache-Status said "${cacheStatus}".`);
    }
  });
});

it('tells an answer that never came by the cache', () => {
  expect(() => {
    expectHit(new Response('', { status: 403 }));
  }).toThrow('no Cache-Status: either its route is not cached, or a guard refused');
});

it('tells when X-Cache says something else', () => {
  expect(() => {
    expectHit({ headers: { 'cache-status': 'ai-native; hit; ttl=12', 'x-cache': 'MISS' } });
  }).toThrow('Expected HIT, but Cache-Status said "ai-native; hit; ttl=12" and X-Cache "MISS".');
});

it('begins its stack where the test called it', () => {
  let stack: string | undefined;
  try {
    expectHit({ headers: {} });
  } catch (error) {
    ({ stack } = error as Error);
  }

  expect(stack?.split('\n')[1]).toContain('expect-outcome.spec');
});
