import { hitRate, hitRatio } from './hit-rate.js';

describe('the hit rate', () => {
  it.each([
    [0, 0, null, 'N/A'],
    [0, 5, 0, '0.00%'],
    [5, 0, 1, '100.00%'],
    [700, 100, 0.875, '87.50%'],
    [1, 2, 0.3333, '33.33%'],
  ])('of %d hits and %d misses is %p, in words %s', (hits, misses, ratio, text) => {
    expect(hitRatio(hits, misses)).toBe(ratio);
    expect(hitRate(hits, misses)).toBe(text);
  });
});
