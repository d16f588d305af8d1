import { secondsWithinUtcDay, utcMidnightBefore } from './utc-day.js';

describe('the UTC day', () => {
  it.each([
    ['2026-02-05T18:52:18.123Z', '2026-02-05T00:00:00.000Z'],
    ['2026-02-05T00:00:00.000Z', '2026-02-05T00:00:00.000Z'],
    ['2024-02-29T23:59:59.999Z', '2024-02-29T00:00:00.000Z'],
    ['1969-12-31T12:00:00.000Z', '1969-12-31T00:00:00.000Z'],
  ])('of %s began at %s', (moment, midnight) => {
    expect(utcMidnightBefore(new Date(moment)).toISOString()).toBe(midnight);
  });

  it.each([
    ['2026-02-05T18:52:18.000Z', 30],
    ['2026-02-05T23:59:30.000Z', 30],
    ['2026-02-05T23:59:45.000Z', 15],
    ['2026-02-05T23:59:45.500Z', 14],
    ['2026-02-05T23:59:59.900Z', 1],
  ])('lets an answer computed at %s live for %d of 30 seconds', (moment, seconds) => {
    expect(secondsWithinUtcDay(new Date(moment), 30)).toBe(seconds);
  });
});
