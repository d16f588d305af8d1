import { liveness, newHalf, newToken, softened, tokensByTag } from './tokens.js';

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

it.each([
  ['alive where all tokens are the present ones', ['1.a', '2.b'], 'alive'],
  ['outdated where a soft half is another', ['1.a', '2.c'], 'outdated'],
  ['dead where a hard half is another, also beside a soft one', ['1.c', '3.b'], 'dead'],
  ['dead where a token is gone', ['1.a', undefined], 'dead'],
])('an entry is %s', (_, present, expected) => {
  const tags = ['one', 'two'];

  expect(liveness(tags, ['1.a', '2.b'], tokensByTag(tags, present))).toBe(expected);
});

it('an entry is dead that has no token of what it depends on', () => {
  expect(liveness(['one'], [undefined], new Map())).toBe('dead');
});
