import { BACKGROUND_BUDGET_MS } from './budget.js';
import type { Store } from './store.js';
import type { Subject } from './subject.js';
import { ANY, familyTag, isPlainTag } from './tags.js';
import { tokensByTag, type Tokens } from './tokens.js';

/**
 * Reads the tokens of tags that only the result names, after the method ran. That is sound only if the token of their family
 * has not changed since before the run: an invalidation changes that one first, and the tag's own after it. For a family that
 * was not watched, the token that every invalidation changes is compared.
 *
 * On a cluster a run may begin between the two, and use what was kept under the tag until then. So a tag that it has used
 * must have the same token afterwards: nothing that it was opened with has moved, nor will.
 *
 * @param run  the tokens that it began with, and those under which others had made what it has used
 * @returns the tokens, or why there are none: `newer-write`, one of the tags may have been invalidated during the run;
 *   `no-token`, the store has none for one of them
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

/** The tag whose token tells whether `tag` was invalidated since the run began: its family, if that was read, or else `any`. */
export function witnessOf(tag: string, opened: Tokens): string {
  return isPlainTag(tag) && opened.has(familyTag(tag)) ? familyTag(tag) : ANY;
}
