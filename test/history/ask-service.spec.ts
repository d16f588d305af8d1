import { whatIsSaid } from './ask-service.js';

const asked = { route: 'version', key: 3 } as const;

it('takes of an answer which question it answers, and what it says', () => {
  expect(whatIsSaid(asked, { route: 'version', key: 4, version: 7 })).toEqual({ of: 4, version: 7 });
  expect(whatIsSaid({ route: 'own' }, { route: 'own', key: 3, version: 7, user: 2 })).toEqual({
    of: 3,
    version: 7,
    ofUser: 2,
  });
});

it('takes of an answer of two keys both, beside the other key that was asked for', () => {
  const answer = { route: 'pair', key: 3, version: 7, other: { key: 5, version: 9 } } as const;

  expect(whatIsSaid({ route: 'pair', other: 4 }, answer)).toEqual({
    of: 3,
    version: 7,
    also: { key: 4, of: 5, version: 9 },
  });
});

it.each([
  ['of another route', { route: 'listed', key: 3, version: 7 } as const],
  ['without a version', { route: 'version', key: 3 } as const],
  ['that is none', undefined],
])('takes an answer %s for that to no question at all', (_, answer) => {
  expect(whatIsSaid(asked, answer)).toEqual({ of: -1, version: -1 });
});

it('takes one key where two were asked for for another answer', () => {
  expect(whatIsSaid({ route: 'pair', other: 4 }, { route: 'pair', key: 3, version: 7 })).toMatchObject({
    also: { key: 4, of: -1 },
  });
});
