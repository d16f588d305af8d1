import { EPOCH } from '../engine/tags.js';

/** How many rows a relay carries out together. */
export const MAX_ROWS_A_ROUND = 500;

/** To take more away might cost more than the budget of an invalidation, round after round. */
const MAX_TAGS = 1000;

/** What is invalidated for these rows: each tag once; everything where there are too many. */
export function relayedTags(rows: readonly { readonly tags: readonly string[] }[]): string[] {
  const tags = new Set(rows.flatMap((row) => row.tags));
  return tags.size > MAX_TAGS ? [EPOCH] : [...tags];
}
