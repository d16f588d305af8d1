import { randomBytes } from 'node:crypto';

/** Tag → its token. */
export type Tokens = ReadonlyMap<string, string>;

/** @param tokens as a store gives them, in the order of `tags`; a tag without one is left out */
export function tokensByTag(tags: readonly string[], tokens: readonly (string | undefined)[]): Tokens {
  const pairs = tags.map((tag, index) => [tag, tokens[index]] as const);
  return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/**
 * `alive`: every token that something was computed under is still the present one. `outdated`: no more than soft halves
 * differ. `dead`: it must not be served.
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

/** A new one: `hard.soft`. What is taken away hard has no token any more; what is outdated keeps the first half of it. */
export function newToken(): string {
  return `${newHalf()}.${newHalf()}`;
}

const HALF_BYTES = 12;
/** Asking for random bytes costs more than a thousand of them. */
let random = Buffer.alloc(0);

/** 96 bits: nobody ever makes the same again. */
export function newHalf(): string {
  if (random.length < HALF_BYTES) random = randomBytes(128 * HALF_BYTES);
  const half = random.toString('base64url', 0, HALF_BYTES);
  random = random.subarray(HALF_BYTES);
  return half;
}

/** The token in place of `token` once what it stands for is outdated. */
export function softened(token: string): string {
  return `${hardHalf(token)}.${newHalf()}`;
}

function hardHalf(token: string): string {
  return token.split('.', 1)[0] ?? '';
}
