import { AdmissionQueue } from './admission-queue.js';

let now: number;
let queue: AdmissionQueue;
let events: string[];

beforeEach(() => {
  now = 10_000;
  queue = new AdmissionQueue(2, () => now);
  events = [];
});

const enter = (name: string, purpose: 'read' | 'write' = 'read') => {
  const turn = queue.enter(purpose);
  if (!turn) events.push(`${name} at once`);
  turn?.then(
    () => events.push(name),
    () => events.push(`${name} refused`),
  );
};
const told = async () => {
  await new Promise(setImmediate);
  return events.splice(0);
};

it('serves so many at once, and a burst in its order', async () => {
  for (const name of ['a', 'b', 'c', 'd']) enter(name);
  expect(await told()).toEqual(['a at once', 'b at once']);

  queue.leave();
  queue.leave();
  expect(await told()).toEqual(['c', 'd']);
  queue.leave();
  queue.leave();
  enter('e');
  expect(await told()).toEqual(['e at once']);
});

/** Fills both places, and lets it be no burst any more, with one done each `stepMs`; nobody waits afterwards. */
const overload = async (stepMs = 50) => {
  for (const name of ['a', 'b', 'c']) enter(name);
  const times = Math.ceil(600 / stepMs);
  for (let n = 1; n <= times; n++) {
    if (n < times) enter(`earlier ${n}`);
    now += stepMs;
    queue.leave();
  }
  expect(await told()).toHaveLength(times + 2);
};

const isFull = () => {
  try {
    queue.check('read');
    return false;
  } catch {
    return true;
  }
};

it('refuses at once whoever would wait for longer than 100 ms, once it is no burst any more', async () => {
  await overload();
  for (const name of ['d', 'e']) enter(name);
  expect(isFull()).toBe(true);
  expect(() => queue.enter('read')).toThrow('Too many requests');
  expect(() => queue.enter('write')).toThrow('Too many requests');

  queue.leave();
  queue.leave();
  expect(await told()).toEqual(['d', 'e']);
  enter('f');
  expect(isFull()).toBe(false);
});

it.each([
  [10, 10],
  [25, 4],
  [100, 1],
  [300, 1],
])('lets as many wait as are served in 100 ms: with one done each %d ms, %d', async (stepMs, places) => {
  await overload(stepMs);

  let waiting = 0;
  for (; !isFull(); waiting++) enter(`new ${waiting}`);

  expect(waiting).toBe(places);
});

it('is not misled by many who are done at one moment', async () => {
  queue = new AdmissionQueue(10, () => now);
  for (let n = 0; n < 10; n++) enter(`serving ${n}`);
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 10 && !isFull(); n++) enter(`waiting ${n}`);
    now += 200;
    for (let n = 0; n < 10; n++) queue.leave();
  }
  await told();
  // Half of them found nobody who waited.
  for (let n = 0; n < 5; n++) enter(`serving again ${n}`);
  expect(await told()).toHaveLength(5);
});

it('is no burst again while all places are taken, however few wait', async () => {
  await overload(300);
  enter('first');
  for (let n = 0; n < 5; n++) {
    expect(isFull()).toBe(true);
    now += 300;
    queue.leave();
    enter(`later ${n}`);
  }
  expect(await told()).toEqual(['first', 'later 0', 'later 1', 'later 2', 'later 3']);
});

it('refuses those of a burst that did not end who have waited longest, writes before reads', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) enter(name);
  enter('write', 'write');
  for (const name of ['f', 'g']) enter(name);
  await told();
  now += 100;
  queue.leave();
  expect(await told()).toEqual(['c']);

  // One has been done in 500 ms.
  now += 500;
  queue.leave();
  expect(await told()).toEqual(['write refused', 'd refused', 'e refused', 'f refused', 'g']);
});

it('serves reads before writes once it is no burst any more, but for a write that is due', async () => {
  await overload();
  enter('read 1');
  enter('write 1', 'write');
  enter('read 2');
  expect(await told()).toEqual(['write 1 refused']);

  enter('write 2', 'write');
  for (const purpose of ['read', 'write'] as const) {
    expect(() => {
      queue.check(purpose);
    }).toThrow('Too many requests');
  }
  for (let n = 0; n < 3; n++) queue.leave();
  expect(await told()).toEqual(['write 2', 'read 1', 'read 2']);
  enter('write 3', 'write');
  queue.leave();
  expect(await told()).toEqual(['write 3']);
});

/** Requests that come, and some that are done at a moment, by default one each 10 ms; counts whose turn came. */
const flood = () => {
  let steps = 0;
  const served = {
    read: 0,
    write: 0,
    longestWaitMs: 0,
    step(reads: number, writes: number, done = 1) {
      const all = [...Array<'read'>(reads).fill('read'), ...Array<'write'>(writes).fill('write')];
      for (const purpose of ++steps % 2 === 0 ? all : all.toReversed()) come(purpose);
      now += 10 * done;
      for (let n = 0; n < done && queue.serving > 0; n++) queue.leave();
    },
  };
  const come = (purpose: 'read' | 'write') => {
    const cameAtMs = now;
    const serve = () => {
      served[purpose]++;
      served.longestWaitMs = Math.max(served.longestWaitMs, now - cameAtMs);
    };
    try {
      const turn = queue.enter(purpose);
      if (turn) turn.then(serve, () => undefined);
      else serve();
    } catch {
      // Refused at once.
    }
  };
  return served;
};

it.each([
  [4, 1],
  [1, 4],
  [30, 1],
])('serves about three writes where it serves four reads of as many: of %d and %d', async (reads, writes) => {
  await overload(10);
  const served = flood();
  for (let n = 0; n < 1000; n++) served.step(reads, writes);
  await told();

  expect(served.read + served.write).toBe(1000);
  const chance = served.write / writes / (served.read / reads);
  expect(chance).toBeGreaterThan(0.7);
  expect(chance).toBeLessThan(0.9);
});

it.each([
  ['never empty', [10]],
  ['empty at moments, when writes come first', [5, 15]],
])(
  'serves about three writes or more for four reads also where many are done at a moment: %s',
  async (_queue, done) => {
    queue = new AdmissionQueue(20, () => now);
    const served = flood();
    for (let n = 0; n < 100; n++) for (const count of done) served.step(3 * count, count, count);
    await told();

    const chance = served.write / (served.read / 3);
    expect(chance).toBeGreaterThan(0.7);
    expect(chance).toBeLessThan(1);
  },
);

it('is no burst again because for a moment nobody waits', async () => {
  queue = new AdmissionQueue(20, () => now);
  const served = flood();
  for (let n = 0; n < 20; n++) {
    for (const done of [5, 15]) served.step(2 * done, 0, done);
    await told();
    if (n === 5) served.longestWaitMs = 0;
  }

  expect(served.longestWaitMs).toBeLessThanOrEqual(200);
});

it('is a burst again once nobody has waited for 100 ms', async () => {
  await overload();
  for (let n = 0; n < 2; n++) queue.leave();
  now += 101;

  for (let n = 0; n < 22; n++) enter(String(n));
  expect(await told()).toEqual(['0 at once', '1 at once']);
});

it('refuses of bursts that do not end hardly more writes than reads', async () => {
  const served = flood();
  for (let burst = 0; burst < 20; burst++) {
    for (let n = 0; n < 60; n++) served.step(4, 4);
    for (let n = 0; n < 40; n++) served.step(0, 0);
  }
  await told();

  const chance = served.write / served.read;
  expect(chance).toBeGreaterThan(0.7);
  expect(chance).toBeLessThan(1);
});

it('takes no place from a write for a read in a burst', async () => {
  for (let n = 0; n < 22; n++) enter(String(n), 'write');

  expect(() => queue.enter('read')).toThrow('Too many requests');
  expect(await told()).toEqual(['0 at once', '1 at once']);
});

it('serves on after it has refused who waited', async () => {
  for (const name of ['a', 'b', 'c', 'd']) enter(name);
  now += 2000;
  await told();

  queue.leave();
  queue.leave();
  expect(await told()).toEqual(['c refused', 'd']);
  enter('e');
  enter('f');
  expect(await told()).toEqual(['e at once']);
});

it('refuses at once when the queue is full', () => {
  for (let n = 0; n < 22; n++) enter(String(n));

  expect(() => queue.enter('read')).toThrow('Too many requests');
});

it('keeps nobody for longer than 5 s, also when those who are served never leave', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  try {
    for (const name of ['a', 'b', 'c', 'd']) enter(name);
    jest.advanceTimersByTime(4999);
    expect(await told()).toEqual(['a at once', 'b at once']);
    jest.advanceTimersByTime(1);
    expect(await told()).toEqual(['c refused', 'd refused']);

    enter('e');
    queue.leave();
    expect(await told()).toEqual(['e']);
    jest.advanceTimersByTime(5000);
    expect(await told()).toEqual([]);
  } finally {
    jest.useRealTimers();
  }
});
