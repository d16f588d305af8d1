import { pathOf, randomQuestion, routeNames, routes } from './routes.js';
import { seeded } from './seeded.js';

it('asks for each route as often as it is to', () => {
  const random = seeded(1);
  const asked = Array.from({ length: 10_000 }, () => randomQuestion(3, 10, random).route);

  for (const name of routeNames) {
    const share = asked.filter((route) => route === name).length / 100;
    expect(Math.abs(share - routes[name])).toBeLessThan(2);
  }
});

it('asks as one of several users where each has an answer of his own, and for two keys where an answer is of two', () => {
  const random = seeded(1);
  const paths = Array.from({ length: 1000 }, () => pathOf(randomQuestion(9, 10, random)));

  const expected = ['/listed/9', '/own/9?user=0', '/own/9?user=1', '/own/9?user=2', '/pairs/9/0'];
  expect([...new Set(paths)].sort()).toEqual([...expected, '/shelved/9', '/versions/9']);
});
