import { BACKGROUND_BUDGET_MS } from './budget.js';
import type { Store } from './store.js';
import type { Subject } from './subject.js';
import { ANY, familyTag, isPlainTag } from './tags.js';
import { tokensByTag, type Tokens } from './tokens.js';

/**
 * Tokens of tags that only the result knows, read after the method ran. That is sound only if their family's token has
 * not moved since before it: an invalidation moves the family first, then the tag. For a family that was not watched,
 * the token that moves with every invalidation stands in.
 *
 * A run that begins between the two may use what was kept before: then the tag has another token than what it used.
 *
 * @param run  the tokens that it began with, and those under which others had made what it has used
 * @returns why there are none to go by: one of the tags may have been invalidated since, or has no token
 */
export async function resultTokens(
  store: Store,
  subject: Subject,
  tags: readonly string[],
  { opened, used }: { readonly opened: Tokens; readonly used: Tokens },
  tokenTtlMs: number,
): Promise<Tokens | 'newer-write' | 'no-token'> {
  if (tags.length === 0) return new Map();
  const witnesses = [...new Set(tags.map((tag) => witnessOf(tag, opened)))];
  const areUnmoved = (present: readonly (string | undefined)[]) =>
    witnesses.every((witness, index) => {
      const token = opened.get(witness);
      return token !== undefined && present[index] === token;
    });
  // Also with the tags: who answers for them may have heard of an invalidation before others move the witness.
  const asked = [...tags, ...witnesses];
  const { tokens } = await store.open(subject, asked, tokenTtlMs, BACKGROUND_BUDGET_MS);
  const after = await store.tokens(witnesses, BACKGROUND_BUDGET_MS);
  if (!areUnmoved(tokens.slice(tags.length)) || !areUnmoved(after)) return 'newer-write';
  const named = tokens.slice(0, tags.length);
  if (tags.some((tag, index) => used.has(tag) && used.get(tag) !== named[index])) return 'newer-write';
  return named.includes(undefined) ? 'no-token' : tokensByTag(tags, named);
}

/** Whose token tells whether `tag` was invalidated since the run began: that of its family, if it was read, else of any. */
export function witnessOf(tag: string, opened: Tokens): string {
  return isPlainTag(tag) && opened.has(familyTag(tag)) ? familyTag(tag) : ANY;
}
