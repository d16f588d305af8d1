import { secondsUntilChange } from './seconds-until-change.js';

describe('the time to live of a view', () => {
  it.each([
    [null, 60],
    ['2026-02-05T19:00:00.000Z', 60],
    ['2026-02-05T18:52:28.900Z', 10],
    ['2026-02-05T18:52:18.500Z', 1],
    ['2026-02-05T18:52:17.000Z', 1],
  ])('with the next deadline at %s is %d s', (next_deadline_at, seconds) => {
    expect(secondsUntilChange({ generated_at: '2026-02-05T18:52:18.000Z', next_deadline_at }, 60)).toBe(
      seconds,
    );
  });
});
