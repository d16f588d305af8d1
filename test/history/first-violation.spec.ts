import type { Finding } from './check-history.js';
import { firstViolation } from './first-violation.js';

const strikes = [
  { name: 'redis-restored' as const, fromUs: 1000, toUs: 2000 },
  { name: 'redis-restored' as const, fromUs: 5000, toUs: 6000 },
];
const violation = (invokedUs: number, returnedUs: number): Finding => ({
  kind: 'stale',
  read: { kind: 'read', process: 0, key: 1, invokedUs, returnedUs },
  against: undefined,
  lagMs: 5,
});
const found = (violations: Finding[], struck = strikes) => {
  const first = firstViolation({ violations, strikes: struck });
  return first && [first.finding.read.invokedUs, first.isStruck];
};

it('is the one that was answered first', () => {
  expect(found([violation(3000, 3200), violation(3100, 3150), violation(7000, 7100)])).toEqual([3100, true]);
});

it('is one from before anything struck, if there is any, however late its answer', () => {
  expect(found([violation(1500, 1600), violation(900, 4000)])).toEqual([900, false]);
});

it('was struck by nothing where nothing strikes', () => {
  expect(found([violation(1500, 1600)], [])).toEqual([1500, false]);
});

it('is none where nothing is wrong', () => {
  expect(found([])).toBeUndefined();
});
