import { atLeast, atMost, figuresTable, short, sizeName } from './report.js';

it('short keeps the digits that matter', () => {
  expect([0.0213, 0.949, 9, 74.24, 312.4, 31_420, Number.NaN].map(short)).toEqual([
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
