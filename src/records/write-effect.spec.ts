import { change } from './write-effect.js';

const course = () => ({ name: 'Programming', passMark: 60, endsAt: new Date('2026-12-01') });

it('a change names all columns that were told, for what is so already may be so by a write that nobody knows of yet', () => {
  const row = course();

  expect(change(row, { name: 'Logic', passMark: undefined, endsAt: new Date('2026-12-01') })).toEqual([
    'name',
    'endsAt',
  ]);
  expect(row).toEqual({ ...course(), name: 'Logic' });
});

it('one that leaves everything as it is names none', () => {
  const row = course();

  expect(change(row, { name: 'Programming', passMark: undefined, endsAt: new Date('2026-12-01') })).toEqual(
    [],
  );
  expect(row).toEqual(course());
});
