import { isNestedTooDeeply } from './json-body.js';

const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);

it.each([
  ['lists', nested(32), nested(33)],
  ['objects', `${'{"a":'.repeat(32)}1${'}'.repeat(32)}`, `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`],
  ['both by turns', nested(16, '[{"a":', '}]'), nested(17, '[{"a":', '}]')],
  ['what is not closed', '['.repeat(32), '['.repeat(100_000)],
])('takes 32 levels of %s, not 33', (_, good, bad) => {
  expect(isNestedTooDeeply(good)).toBe(false);
  expect(isNestedTooDeeply(bad)).toBe(true);
});

it.each([
  ['many beside each other', `[${Array.from({ length: 1000 }, () => '[{}]').join(',')}]`],
  ['brackets in a text', JSON.stringify(['['.repeat(100), '{'.repeat(100)])],
  ['brackets behind escaped quotes', JSON.stringify({ '"': '\\"[{'.repeat(100), '\\': '['.repeat(100) })],
  ['a text without an end', `["${'['.repeat(100)}`],
  ['an escape at the end', '["\\'],
  ['nothing', ''],
])('takes %s', (_, json) => {
  expect(isNestedTooDeeply(json)).toBe(false);
});

it('sees what lies behind a text', () => {
  expect(isNestedTooDeeply(`${'["\\\\",'.repeat(33)}1${']'.repeat(33)}`)).toBe(true);
});
