import { markdownTable, textTable } from './tables.js';

const table = {
  columns: ['8 kB', 'req/s'],
  rows: [
    ['limit', '31,400'],
    ['a|b', '5'],
  ],
};

it('textTable lines names up to the left and numbers to the right', () => {
  expect(textTable(table)).toBe(['8 kB    req/s', 'limit  31,400', 'a|b         5'].join('\n'));
});

it('markdownTable does the same for a document, with bars that are text', () => {
  expect(markdownTable(table)).toBe(
    ['| 8 kB | req/s |', '| --- | --- |', '| limit | 31,400 |', '| a\\|b | 5 |'].join('\n'),
  );
});
