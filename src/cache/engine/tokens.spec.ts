import { newHalf, newToken, softened } from './tokens.js';

it('no half of a token comes twice, and each has 96 bits', () => {
  const halves = Array.from({ length: 1000 }, newHalf);

  expect(new Set(halves).size).toBe(1000);
  expect(new Set(halves.map((half) => Buffer.from(half, 'base64url').length))).toEqual(new Set([12]));
});

it('a softened token keeps its first half only', () => {
  const token = newToken();
  const [hard, soft] = token.split('.');

  expect(softened(token).split('.')).toEqual([hard, expect.not.stringMatching(`^${soft}$`)]);
});
