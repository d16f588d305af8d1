import { hangsDatabase, membersOf, nemesisNames } from './nemeses.js';
import { seeded } from './seeded.js';

const random = seeded(1);
const pairs = Array.from({ length: 5000 }, () => membersOf('two-at-once', random));

it('lets one strike alone, but for two at once', () => {
  for (const name of nemesisNames.filter((other) => other !== 'two-at-once')) {
    expect(membersOf(name, random)).toEqual([name]);
  }
});

it.each([
  ['Redis', /^(redis|subscribers)-/],
  ['the way to it', /^(connections-reset|writer-cut-off|subscribers-silent)$/],
  ['the service', /^service-/],
  ['PostgreSQL', /^database-/],
])('never lets two at once strike that both break %s', (_, breaks) => {
  const both = pairs.filter((members) => members.filter((name) => breaks.test(name)).length > 1);

  expect(both).toEqual([]);
  expect(pairs.some((members) => members.some((name) => breaks.test(name)))).toBe(true);
});

it('lets each be one of two at once', () => {
  const singles = nemesisNames.filter((name) => name !== 'two-at-once');

  expect(new Set(pairs.map(({ length }) => length))).toEqual(new Set([2]));
  expect([...new Set(pairs.flat())].sort()).toEqual([...singles].sort());
});

it('knows which of them need a PostgreSQL that nobody else uses', () => {
  expect(hangsDatabase(nemesisNames)).toBe(true);
  expect(hangsDatabase(['redis-hung', 'database-hung'])).toBe(true);
  expect(hangsDatabase(['two-at-once'])).toBe(true);
  expect(hangsDatabase(['redis-hung', 'database-connections-killed'])).toBe(false);
  expect(hangsDatabase([])).toBe(false);
});
