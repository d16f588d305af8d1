import { RateCounters, type ShareCounts } from './rate-counters.js';

const WINDOW_MS = 60_000;

/** Adds up what processes share, as Redis would; silent while it is away. */
class Fleet {
  readonly totals = new Map<string, number>();
  calls = 0;
  isAway = false;

  readonly share: ShareCounts = (counts, windowMs) => {
    this.calls++;
    if (this.isAway) return Promise.resolve(undefined);
    return Promise.resolve(
      counts.map(({ key, count }) => {
        const total = (this.totals.get(key) ?? 0) + count;
        this.totals.set(key, total);
        return { total, leftMs: windowMs };
      }),
    );
  };
}

let now: number;
let fleet: Fleet;
let one: RateCounters;
let other: RateCounters;

beforeEach(() => {
  now = 1000;
  fleet = new Fleet();
  const options = { windowMs: WINDOW_MS, share: fleet.share, now: () => now };
  one = new RateCounters(options);
  other = new RateCounters(options);
});

afterEach(() => {
  one.close();
  other.close();
});

const admitted = (counters: RateCounters, times: number, limit: number, key = 'a') =>
  Array.from({ length: times }, () => counters.take(key, limit)).filter((leftMs) => leftMs === 0).length;

it('admits as many as the limit says in a window, and says how long the rest have to wait', () => {
  const alone = new RateCounters({ windowMs: WINDOW_MS, now: () => now });
  expect(admitted(alone, 10, 3)).toBe(3);

  now += 20_000;
  expect(alone.take('a', 3)).toBe(40_000);
  expect(alone.take('b', 3)).toBe(0);
  now += 40_000;
  expect(admitted(alone, 10, 3)).toBe(3);
});

it('takes totals that fall, as of a Redis that was started again, for no reason to admit more', async () => {
  admitted(one, 10, 1000);
  await one.share();
  fleet.totals.clear();
  admitted(one, 10, 1000);
  await one.share();

  // As many as are left of those 1,000, and not one for each that others seem to take back.
  expect(admitted(one, 2000, 1000)).toBe(990);
});

it('tells nothing of a window that ended before it was told', async () => {
  admitted(one, 10, 1000);
  now += WINDOW_MS;
  await one.share();

  expect(fleet.totals.size).toBe(0);
});

it('counts what others have admitted', async () => {
  expect(admitted(one, 600, 1000)).toBe(600);
  await one.share();
  expect(admitted(other, 1, 1000)).toBe(1);
  await other.share();

  expect(admitted(other, 1000, 1000)).toBe(399);
  expect(fleet.calls).toBeGreaterThan(1);
});

it('takes it that others go on as they did', async () => {
  for (const counters of [one, other, one, other]) {
    expect(admitted(counters, 50, 10_000)).toBe(50);
    await counters.share();
  }
  expect(fleet.totals.get('a')).toBe(200);

  // 9,800 are left, and the other has admitted as many as itself.
  expect(admitted(other, 10_000, 10_000)).toBe(4900);
});

it('shares what many clients did in one call', async () => {
  for (let n = 0; n < 300; n++) one.take(`client ${n}`, 1000);
  await one.share();

  expect(fleet.calls).toBe(1);
  expect(fleet.totals.size).toBe(300);
});

it('shares at once what could soon exhaust a limit', async () => {
  one.take('a', 5);
  await Promise.resolve();

  expect(fleet.totals.get('a')).toBe(1);
});

it('limits by its own count while nobody hears it, and tells all of it later', async () => {
  fleet.isAway = true;
  expect(admitted(one, 100, 30)).toBe(30);
  await one.share();

  expect(admitted(one, 10, 30)).toBe(0);
  fleet.isAway = false;
  await one.share();
  expect(fleet.totals.get('a')).toBe(30);
});

it('takes the end of a window from the others', async () => {
  const late = new RateCounters({
    windowMs: WINDOW_MS,
    now: () => now,
    share: (counts) => Promise.resolve(counts.map(() => ({ total: 50, leftMs: 7000 }))),
  });
  late.take('a', 10);
  await new Promise(setImmediate);

  expect(late.take('a', 10)).toBe(7000);
  late.close();
});

it('holds a bounded number of counts for others while nobody hears it', () => {
  fleet.isAway = true;
  for (let n = 0; n < 120_000; n++) one.take(String(n), 1000);

  expect(one.unshared).toBeLessThanOrEqual(50_000);
});

it('forgets clients whose window is over, and never holds more than it may', () => {
  const alone = new RateCounters({ windowMs: WINDOW_MS, now: () => now });
  for (let n = 0; n < 250_000; n++) alone.take(String(n), 5);
  expect(alone.size).toBeLessThanOrEqual(100_000);

  now += 3 * WINDOW_MS;
  alone.take('x', 5);
  expect(alone.size).toBe(1);
});
