import { BoundedMap } from '../engine/bounded-map.js';
import type { StoreRead } from '../engine/store.js';
import { EPOCH } from '../engine/tags.js';

/** Tags whose tokens may be taken over. */
export const MAX_SEEN = 20_000;

/** A token, and when it was last asked for. */
interface Seen {
  /** `undefined`: it was taken away then, or is taken over. */
  token: string | undefined;
  readonly atMs: number;
  /** Whether the outbox has told all since it came. All news count for it from then on. */
  isVouchedFor: boolean;
}

/** Tokens that a shared store has named lately: for a while they are good where nobody can ask it any more. */
export class SeenTokens {
  readonly #seen = new BoundedMap<Seen>(MAX_SEEN);
  /** What was asked for until then says nothing any more. */
  #blindUntilMs = -Infinity;

  /** @param atMs  when they were asked for: an answer to an earlier question may come later */
  note(tags: readonly string[], tokens: StoreRead['tokens'], atMs: number): void {
    if (atMs <= this.#blindUntilMs) return;
    for (const [index, tag] of tags.entries()) {
      const token = tokens[index];
      if (token === undefined) continue;
      const known = this.#seen.get(tag);
      if (known && (known.atMs > atMs || (known.token === undefined && known.atMs === atMs))) continue;
      this.#seen.set(tag, { token, atMs, isVouchedFor: false });
    }
  }

  /** This process takes them away. An answer to an earlier question may come yet. */
  strike(tags: readonly string[], atMs: number): void {
    if (tags.includes(EPOCH)) {
      this.#seen.clear();
      this.#blindUntilMs = atMs;
    }
    for (const tag of tags) this.#seen.set(tag, { token: undefined, atMs, isVouchedFor: false });
  }

  /** Whether any of these could be vouched for, and is not yet. */
  hasUnvouched(tags: readonly string[], sinceMs: number): boolean {
    return tags.some((tag) => {
      const seen = this.#seen.get(tag);
      return seen?.token !== undefined && !seen.isVouchedFor && seen.atMs > sinceMs;
    });
  }

  /**
   * The outbox has told all.
   *
   * @param sinceMs  what was asked for until then is too old
   */
  vouchFor(sinceMs: number): void {
    for (const seen of this.#seen.values()) if (seen.atMs > sinceMs) seen.isVouchedFor = true;
  }

  /** A token that is vouched for, once: an invalidation of after that is not undone. */
  take(tag: string): string | undefined {
    const seen = this.#seen.get(tag);
    if (!seen?.isVouchedFor) return undefined;
    const { token } = seen;
    seen.token = undefined;
    return token;
  }

  /** Nobody vouches any more. What was not vouched for yet may still be. */
  forget(): void {
    for (const seen of this.#seen.values()) if (seen.isVouchedFor) seen.token = undefined;
  }
}
