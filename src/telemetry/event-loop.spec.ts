import { latenessMs } from './event-loop.js';

describe('the lateness of timers', () => {
  it.each([
    ['of a process with nothing to do', 20, 500, 0],
    ['in turns of 300 ms', 300, 600, 280],
    ['in turns of 600 ms, in which the monitor ticks once a sample', NaN, 600, 580],
    ['in turns of 3 s', NaN, 3000, 2980],
    ['in one long turn after many short ones', 110, 1500, 1000],
  ])('%s', (_where, meanTickMs, elapsedMs, lateMs) => {
    expect(latenessMs(meanTickMs, elapsedMs)).toBe(lateMs);
  });
});
