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

/** Fills both places and one in the queue, and lets it be no burst any more, with one done each 50 ms. */
const overloaded = async () => {
  for (const name of ['a', 'b', 'c']) enter(name);
  for (let n = 0; n < 12; n++) {
    enter(`earlier ${n}`);
    now += 50;
    queue.leave();
  }
  expect(await told()).toHaveLength(14);
};

it('refuses at once whoever would wait for longer than 100 ms, once it is no burst any more', async () => {
  await overloaded();
  enter('d');
  expect(() => {
    queue.check('read');
  }).toThrow('Too many requests');
  expect(() => queue.enter('read')).toThrow('Too many requests');
  expect(() => queue.enter('write')).toThrow('Too many requests');

  queue.leave();
  queue.leave();
  expect(await told()).toEqual(['earlier 11', 'd']);
  enter('e');
  expect(() => {
    queue.check('write');
  }).not.toThrow();
});

it('refuses who has waited for longer than that after all', async () => {
  await overloaded();
  enter('d');
  now += 40;
  queue.leave();
  now += 70;
  enter('e');

  queue.leave();
  expect(await told()).toEqual(['earlier 11', 'd refused', 'e']);
});

it('serves reads before writes once it is no burst any more', async () => {
  await overloaded();
  enter('write 1', 'write');
  enter('read 1');
  expect(() => {
    queue.check('write');
  }).toThrow('Too many requests');

  queue.leave();
  queue.leave();
  expect(await told()).toEqual(['write 1 refused', 'earlier 11', 'read 1']);
  enter('write 2', 'write');
  queue.leave();
  expect(await told()).toEqual(['write 2']);
});

it('serves on after it has refused all who waited', async () => {
  for (const name of ['a', 'b', 'c', 'd']) enter(name);
  now += 2000;
  await told();

  queue.leave();
  queue.leave();
  expect(await told()).toEqual(['c refused', 'd refused']);
  enter('e');
  enter('f');
  expect(await told()).toEqual(['e at once', 'f at once']);
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
