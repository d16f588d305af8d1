import { AuditSampler } from './audit-sampler.js';

/** The same numbers each time, spread over 0 to 1. */
function seeded(): () => number {
  let state = 42;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** The places of those taken among so many hits. */
function taken(sampler: AuditSampler, hits: number, prefix = 'view'): number[] {
  return Array.from({ length: hits }, (_, at) => at).filter(() => sampler.takes(prefix));
}

it('takes one of any thousand hits of a prefix, at distances that differ', () => {
  const places = taken(new AuditSampler(0.001, seeded()), 100_000);

  const distances = places.map((place, n) => place - (places[n - 1] ?? -1));
  expect(Math.max(...distances)).toBeLessThanOrEqual(1000);
  expect(Math.min(...distances)).toBeGreaterThanOrEqual(500);
  expect(new Set(distances).size).toBeGreaterThan(50);
});

it('counts each prefix for itself, so that none hides behind another', () => {
  const sampler = new AuditSampler(0.01, seeded());
  for (let hit = 0; hit < 10_000; hit++) sampler.takes('busy');

  expect(taken(sampler, 100, 'quiet')).not.toEqual([]);
});

it('takes all at 1', () => {
  expect(taken(new AuditSampler(1, seeded()), 5)).toEqual([0, 1, 2, 3, 4]);
});

it('takes the rest together when there are more prefixes than it remembers', () => {
  const sampler = new AuditSampler(0.1, seeded());
  const hits = Array.from({ length: 10_000 }, (_, n) => sampler.takes(`prefix-${n}`));

  const last = hits.slice(1000);
  expect(last.filter(Boolean).length).toBeGreaterThanOrEqual(900);
});
