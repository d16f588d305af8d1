import fc from 'fast-check';
import { Histogram, quantile } from './histogram.js';

function filled(bounds: readonly number[], values: readonly number[]) {
  const histogram = new Histogram(bounds);
  for (const value of values) histogram.observe(value);
  return histogram.read();
}

describe('a histogram', () => {
  it('counts a value on a bound below it, and one above all bounds last', () => {
    expect(filled([1, 10], [0, 1, 1.5, 10, 11])).toEqual({
      bounds: [1, 10],
      counts: [2, 2, 1],
      count: 5,
      sum: 23.5,
    });
  });

  it('gives a copy', () => {
    const histogram = new Histogram([1]);
    const before = histogram.read();

    histogram.observe(1);

    expect(before.counts).toEqual([0, 0]);
  });

  it.each([
    ['nothing', [], 0.5, undefined],
    ['one value', [5], 0.5, 5.5],
    ['the middle of many', [1, 2, 20, 30], 0.25, 1],
    ['what is above all bounds', [500], 0.95, 100],
  ])('knows the quantile of %s', (_, values, part, expected) => {
    expect(quantile(filled([1, 10, 100], values), part)).toBe(expected);
  });

  it('is right about every quantile to within its bucket', () => {
    const bounds = [1, 5, 10, 50];
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 50, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, part) => {
          const sorted = [...values].sort((one, other) => one - other);
          const exact = sorted[Math.ceil(part * sorted.length) - 1]!;
          const bucket = (value: number) => bounds.findIndex((bound) => value <= bound);

          expect(bucket(quantile(filled(bounds, values), part)!)).toBe(bucket(exact));
        },
      ),
    );
  });
});
