import type { Operation } from './operation.js';
import { windowsOf } from './windows.js';

const strikes = [{ name: 'redis-hung' as const, fromUs: 1000, toUs: 2000 }];
const read = (invokedUs: number, end: Partial<Operation>): Operation => ({
  kind: 'read',
  process: 0,
  key: 1,
  invokedUs,
  ...end,
});

function met(operation: Operation): string | undefined {
  const windows = windowsOf([operation], { violations: [], tolerated: [] } as never, strikes);
  return windows.find(({ reads, unknown }) => reads + unknown > 0)?.name;
}

it.each([
  ['was over before', { returnedUs: 900 }, undefined],
  ['was under way when it began', { returnedUs: 1100 }, 'redis-hung'],
  ['outlasted it', { returnedUs: 5000 }, 'redis-hung'],
  ['was lost before', { lostUs: 900 }, undefined],
  ['was lost while it struck', { lostUs: 1500 }, 'redis-hung'],
])('a call counts with what struck if it %s', (_, end, name) => {
  expect(met(read(800, end))).toBe(name);
});

it('counts what was acknowledged as pending, and the reads that were refused, with what struck', () => {
  const operations: Operation[] = [
    { ...read(1500, { returnedUs: 1600 }), kind: 'write', isPending: true },
    read(1500, { lostUs: 1600, refusedWith: 503 }),
    read(2500, { lostUs: 2600 }),
  ];
  const windows = windowsOf(operations, { violations: [], tolerated: [] } as never, strikes);

  expect(windows).toMatchObject([
    { name: 'redis-hung', pending: 1, refusedReads: 1, unknown: 1 },
    { name: undefined, pending: 0, refusedReads: 0, unknown: 1 },
  ]);
});

it('a call that came after it counts with nothing', () => {
  expect(met(read(2000, { returnedUs: 2100 }))).toBeUndefined();
});
