import { alternate, compare, inTurn } from './rounds.js';

const counting = () => {
  let elapsed = 0;
  return () => Promise.resolve(elapsed++);
};

it('each round begins with another', () => {
  expect([0, 1, 2, 3].map((round) => inTurn(['a', 'b', 'c'], round).join(''))).toEqual([
    'abc',
    'bca',
    'cab',
    'abc',
  ]);
});

it('two that are compared take turns, so that what drifts touches both alike', async () => {
  const run = counting();

  expect(await alternate(run, run)).toEqual({ ours: [0, 3], theirs: [1, 2] });
});

it('rounds are kept apart', async () => {
  const run = counting();

  expect(await compare(2, run, run)).toEqual([
    { ours: [0, 3], theirs: [1, 2] },
    { ours: [4, 7], theirs: [5, 6] },
  ]);
});
