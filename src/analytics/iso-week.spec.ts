import { endOfWeek, isoWeek, mondayOf, twelveMondays } from './iso-week.js';

describe('ISO weeks', () => {
  it.each([
    ['2026-02-05T18:52:18Z', '2026-02-02T00:00:00.000Z', '2026-W06'],
    ['2026-02-02T00:00:00Z', '2026-02-02T00:00:00.000Z', '2026-W06'],
    ['2026-02-01T23:59:59.999Z', '2026-01-26T00:00:00.000Z', '2026-W05'],
    ['2025-12-31T12:00:00Z', '2025-12-29T00:00:00.000Z', '2026-W01'],
    ['2021-01-03T12:00:00Z', '2020-12-28T00:00:00.000Z', '2020-W53'],
    ['1969-12-31T12:00:00Z', '1969-12-29T00:00:00.000Z', '1970-W01'],
    ['1969-12-28T23:59:59Z', '1969-12-22T00:00:00.000Z', '1969-W52'],
    ['1965-01-03T12:00:00Z', '1964-12-28T00:00:00.000Z', '1964-W53'],
  ])('puts %s into the week of %s, %s', (moment, monday, name) => {
    expect(mondayOf(new Date(moment)).toISOString()).toBe(monday);
    expect(isoWeek(mondayOf(new Date(moment)))).toBe(name);
  });

  it('lists twelve weeks up to the present one', () => {
    const mondays = twelveMondays(new Date('2026-02-05T18:52:18Z'));

    expect(mondays.map(isoWeek)).toEqual([
      '2025-W47',
      '2025-W48',
      '2025-W49',
      '2025-W50',
      '2025-W51',
      '2025-W52',
      '2026-W01',
      '2026-W02',
      '2026-W03',
      '2026-W04',
      '2026-W05',
      '2026-W06',
    ]);
    expect(endOfWeek(mondays[11]!).toISOString()).toBe('2026-02-08T23:59:59.999Z');
  });
});
