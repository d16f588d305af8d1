import { atLeast, atMost, figuresTable, obstacles, short, sizeName } from './report.js';

it('short keeps the digits that matter', () => {
  expect([0, 0.0213, 0.949, 9, 74.24, 312.4, 31_420, Number.NaN].map(short)).toEqual([
    '0',
    '0.0213',
    '0.95',
    '9.00',
    '74.2',
    '312',
    '31,400',
    '–',
  ]);
});

it('sizeName counts in thousands', () => {
  expect([300, 8_000, 200_000].map(sizeName)).toEqual(['300 B', '8 kB', '200 kB']);
});

it('a figure is judged by its median, and shows the extremes', () => {
  const measured = { median: 0.94, min: 0.8, max: 1.1 };

  expect(figuresTable([atLeast('ours', 0.95, measured), atMost('runs', 1, measured)]).rows).toEqual([
    ['ours', 'at least 0.95', '0.94 (0.80 to 1.10)', 'NO'],
    ['runs', 'at most 1', '0.94 (0.80 to 1.10)', 'yes'],
  ]);
});

it('what stands in the way is said of all that was missed, also where nobody knows, and of nothing else', () => {
  const measured = { median: 3, min: 2, max: 4 };
  const figures = [atLeast('a / b', 9, measured, 'b is fast'), atLeast('a / c', 2, measured, 'c is fast')];

  expect(obstacles(figures)).toContain('\n- a / b: b is fast.\n');
  expect(obstacles(figures)).not.toContain('a / c');
  expect(obstacles([atLeast('a / d', 9, measured)])).toContain('\n- a / d: no cause is known');
  expect(obstacles([atLeast('a / c', 2, measured, 'c is fast')])).toBe('');
});
