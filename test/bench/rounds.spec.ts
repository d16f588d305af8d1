import { interleave } from './rounds.js';

it('interleaves rounds, each beginning with another, and keeps the samples apart', async () => {
  const order: string[] = [];
  const run = (name: string) => () => {
    order.push(name);
    return Promise.resolve(`${name}${order.length}`);
  };

  const samples = await interleave(2, [run('a'), run('b'), run('c')]);

  expect(order).toEqual(['a', 'b', 'c', 'b', 'c', 'a']);
  expect(samples).toEqual([
    ['a1', 'a6'],
    ['b2', 'b4'],
    ['c3', 'c5'],
  ]);
});
