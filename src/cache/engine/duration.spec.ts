import { durationMs } from './duration.js';

describe('a duration', () => {
  it.each([
    [60, 60_000],
    [0.0015, 2],
    ['45s', 45_000],
    ['1.5m', 90_000],
    ['87600h', 315_360_000_000],
  ])('%s is so many milliseconds', (duration, ms) => {
    expect(durationMs(duration, 'a')).toBe(ms);
  });

  it.each<[unknown, string]>([
    [0, 'a, grace: 0 is not a duration'],
    [NaN, 'a, grace: NaN is not a duration'],
    ['5 min', `a, grace: '5 min' is not a duration`],
    [undefined, 'a, grace: undefined is not a duration'],
    [{}, 'a, grace: object is not a duration'],
    [4e8, 'a, grace: 400000000 is longer than ten years'],
    ['90000h', `a, grace: '90000h' is longer than ten years`],
    [Infinity, 'a, grace: Infinity is longer than ten years'],
  ])('%s is none, and the message says why', (duration, message) => {
    expect(() => durationMs(duration, 'a, grace')).toThrow(
      expect.objectContaining({ code: 'CACHE_INVALID_TTL', message: expect.stringContaining(message) }),
    );
  });

  it.each([0, '0s', 0.0001])('%s is one where none at all makes sense', (duration) => {
    expect(durationMs(duration, 'a, grace', 0)).toBe(0);
    expect(() => durationMs(-1, 'a, grace', 0)).toThrow('a, grace: -1 is not a duration of zero or more');
  });
});
