import { calmOf, isAsPromised } from './calm.js';
import type { Operation } from './operation.js';
import { windowsOf } from './windows.js';

const strikes = [{ name: 'redis-hung' as const, fromUs: 1_000_000, toUs: 2_000_000 }];
const pendingWrite = (invokedUs: number, returnedUs: number): Operation => ({
  kind: 'write',
  process: 0,
  key: 1,
  version: 1,
  isPending: true,
  invokedUs,
  returnedUs,
});
const refusedRead = (invokedUs: number, lostUs: number): Operation => ({
  kind: 'read',
  process: 0,
  key: 1,
  refusedWith: 503,
  invokedUs,
  lostUs,
});
const calm = (...operations: Operation[]) => {
  const windows = windowsOf(operations, { violations: [], tolerated: [] } as never, strikes);
  return calmOf(operations, windows, strikes);
};

it.each([
  ['that was over before anything struck', 1, 900_000, 999_999],
  ['that was under way when something struck', 0, 900_000, 1_000_000],
  ['that began within two seconds after', 0, 3_999_999, 9_000_000],
  ['that began later', 1, 4_000_000, 4_000_001],
])('a pending write %s is explained by nothing, or by the strike', (_, pending, invokedUs, returnedUs) => {
  expect(calm(pendingWrite(invokedUs, returnedUs)).pending).toBe(pending);
});

it('takes a write that is acknowledged for good, and one that is lost, for no pending one', () => {
  const whole = { ...pendingWrite(5_000_000, 5_000_001), isPending: false };
  const lost: Operation = { kind: 'write', process: 0, key: 1, invokedUs: 5_000_000, lostUs: 9_000_000 };

  expect(calm(whole, lost).pending).toBe(0);
});

it('counts a read that is refused while nothing strikes, and none while something does', () => {
  expect(calm(refusedRead(1_500_000, 1_600_000)).refusedReads).toBe(0);
  expect(calm(refusedRead(2_000_000, 2_000_001)).refusedReads).toBe(1);
});

it('allows a handful of pending writes that nothing explains, and no refused read', () => {
  expect(isAsPromised({ pending: 5, refusedReads: 0 })).toBe(true);
  expect(isAsPromised({ pending: 6, refusedReads: 0 })).toBe(false);
  expect(isAsPromised({ pending: 0, refusedReads: 1 })).toBe(false);
});
