import { bunches, median, percentile, ratios, spread } from './statistics.js';

describe('median', () => {
  it('is the middle one of an odd number, in whatever order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('is the mean of the two in the middle of an even number', () => {
    expect(median([4, 1, 100, 2])).toBe(3);
  });

  it('is no number of nothing', () => {
    expect(median([])).toBeNaN();
  });
});

it('percentile is the smallest value that so many are not above', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);

  expect([0, 0.5, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 99, 100]);
});

it('bunches counts what lies close together once', () => {
  expect(bunches([0, 1, 2, 50, 51, 200], 10)).toBe(3);
  expect(bunches([], 10)).toBe(0);
});

it('spread keeps the extremes beside the median', () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
});

it('ratios compares only what was measured in the same round', () => {
  // The second round was disturbed: both were half as fast.
  const rounds = [
    { ours: [80, 100], theirs: [100] },
    { ours: [45], theirs: [50] },
    { ours: [100], theirs: [90, 110] },
  ];

  expect(ratios(rounds, (rate) => rate)).toEqual({ median: 0.9, min: 0.9, max: 1 });
});
