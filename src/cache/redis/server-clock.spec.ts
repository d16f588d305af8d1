import { ServerClock } from './server-clock.js';

const START_MS = 1_800_000_000_000;

let nowMs: number;
let clock: ServerClock;

beforeEach(() => {
  nowMs = 5000;
  clock = new ServerClock(() => nowMs);
});

/** Asks, and gets the answer later, with the server's time at the moment `after`. */
function answer(serverMs: number, tookMs: number): void {
  const sentAtMs = nowMs;
  nowMs += tookMs;
  clock.told(serverMs, sentAtMs);
}

it('is not known before the server has told', () => {
  expect(clock.nowMs).toBeUndefined();
});

it('goes on with ours, from the earliest that it can be', () => {
  answer(START_MS, 10);
  expect(clock.nowMs).toBe(START_MS);

  nowMs += 2500;

  expect(clock.nowMs).toBe(START_MS + 2500);
});

it('is not put back by an answer that took its time', () => {
  answer(START_MS, 1);
  nowMs += 500;

  // The server answered at once, but the answer was late to arrive.
  answer(START_MS + 500, 900);

  expect(clock.nowMs).toBe(START_MS + 1400);
});

it('is known the better the sooner an answer comes', () => {
  answer(START_MS, 900);
  nowMs += 500;

  answer(START_MS + 1400 + 900, 1);

  expect(clock.nowMs).toBe(START_MS + 1400 + 900);
});

it.each([3_600_000, -3_600_000])('follows when the clock of the server is put by %i ms', (stepMs) => {
  answer(START_MS, 1);
  nowMs += 500;

  answer(START_MS + 500 + stepMs, 1);

  expect(Math.abs((clock.nowMs ?? 0) - (START_MS + 500 + stepMs))).toBeLessThanOrEqual(1);
});
