import { EPOCH } from '../engine/tags.js';

/** How many rows a relay carries out together. */
export const MAX_ROWS_A_ROUND = 500;

/** More tags might take longer than the budget of an invalidation, in every round again. */
const MAX_TAGS = 1000;

/** The tags to invalidate for these rows, each once; if there are too many, everything. */
export function relayedTags(rows: readonly { readonly tags: readonly string[] }[]): string[] {
  const tags = new Set(rows.flatMap((row) => row.tags));
  return tags.size > MAX_TAGS ? [EPOCH] : [...tags];
}
