import { excessOf } from './json-body.js';

const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);

it.each([
  ['lists', nested(32), nested(33)],
  ['objects', `${'{"a":'.repeat(32)}1${'}'.repeat(32)}`, `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`],
  ['both by turns', nested(16, '[{"a":', '}]'), nested(17, '[{"a":', '}]')],
  ['what is not closed', '['.repeat(32), '['.repeat(100_000)],
])('takes 32 levels of %s, not 33', (_, good, bad) => {
  expect(excessOf(good)).toBeUndefined();
  expect(excessOf(bad)).toBe('is nested too deeply');
});

it.each([
  ['many beside each other', `[${Array.from({ length: 1000 }, () => '[{}]').join(',')}]`],
  ['brackets in a text', JSON.stringify(['['.repeat(100), '{'.repeat(100)])],
  ['brackets behind escaped quotes', JSON.stringify({ '"': '\\"[{'.repeat(100), '\\': '['.repeat(100) })],
  ['a text without an end', `["${'['.repeat(100)}`],
  ['an escape at the end', '["\\'],
  ['nothing', ''],
])('takes %s', (_, json) => {
  expect(excessOf(json)).toBeUndefined();
});

it('sees what lies behind a text', () => {
  expect(excessOf(`${'["\\\\",'.repeat(33)}1${']'.repeat(33)}`)).toBe('is nested too deeply');
});

const list = (count: number) => `[${Array(count).fill('{}').join(',')}]`;
const object = (count: number) => `{${Array.from({ length: count }, (_, n) => `"${n}":[1]`).join(',')}}`;

it.each([
  ['elements', list(4200), list(4202)],
  ['fields of one object', object(1500), object(1501)],
  ['fields in a list', `[[1],${object(1500)}]`, `[[1],${object(1501)}]`],
  [
    'members in all',
    `[${object(1400)},${object(1400)},${object(1390)}]`,
    list(3).replaceAll('{}', object(1450)),
  ],
  ['members of what is no JSON', ','.repeat(4200), ','.repeat(4201)],
])('takes so many %s, not more', (_, good, bad) => {
  expect(excessOf(good)).toBeUndefined();
  expect(excessOf(bad)).toBe('has too many fields or elements');
});
