import { randomBytes } from 'node:crypto';

/** Tag → its token. */
export type Tokens = ReadonlyMap<string, string>;

/** @param tokens  as a store gives them, in the order of `tags`; a tag without a token is left out */
export function tokensByTag(tags: readonly string[], tokens: readonly (string | undefined)[]): Tokens {
  const pairs = tags.map((tag, index) => [tag, tokens[index]] as const);
  return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/**
 * Whether an entry may be served. `alive`: all the tokens that it was computed under are still the present ones. `outdated`:
 * they differ only in their soft halves. `dead`: a hard half differs or a token is missing, so it must not be served.
 */
export type Liveness = 'alive' | 'outdated' | 'dead';

/** @param tokens  those that the tags had before the run, in their order */
export function liveness(
  tags: readonly string[],
  tokens: readonly (string | undefined)[],
  present: Tokens,
): Liveness {
  let result: Liveness = 'alive';
  for (const [index, tag] of tags.entries()) {
    const [before, now] = [tokens[index], present.get(tag)];
    if (now === before && now !== undefined) continue;
    if (now === undefined || before === undefined || hardHalf(now) !== hardHalf(before)) return 'dead';
    result = 'outdated';
  }
  return result;
}

/** A new token, `hard.soft`. A hard invalidation removes it; a soft one replaces only its second half. */
export function newToken(): string {
  return `${newHalf()}.${newHalf()}`;
}

const HALF_BYTES = 12;
/** A supply: one call for random bytes costs more than a thousand of the bytes. */
let random = Buffer.alloc(0);

/** 96 random bits: never made twice. */
export function newHalf(): string {
  if (random.length < HALF_BYTES) random = randomBytes(128 * HALF_BYTES);
  const half = random.toString('base64url', 0, HALF_BYTES);
  random = random.subarray(HALF_BYTES);
  return half;
}

/** The token that takes the place of `token` in a soft invalidation. */
export function softened(token: string): string {
  return `${hardHalf(token)}.${newHalf()}`;
}

function hardHalf(token: string): string {
  return token.split('.', 1)[0] ?? '';
}
