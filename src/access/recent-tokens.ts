import type { Principal } from './principal.js';

/** How long a token that was right counts without another look, ms: a key that is withdrawn counts so much longer. */
const TRUSTED_MS = 10_000;
const MAX_TOKENS = 1000;

interface Trusted {
  readonly principal: Principal;
  /** By the clock of the machine, as the token says it. */
  readonly expiresAtMs: number;
  /** By a clock that is never set. */
  readonly trustedUntilMs: number;
}

/** Tokens that were right a moment ago: checking a signature takes longer than answering from the cache. */
export class RecentTokens {
  /** In the order in which they are to be forgotten. */
  readonly #trusted = new Map<string, Trusted>();

  find(token: string): Principal | undefined {
    const trusted = this.#trusted.get(token);
    return trusted && isGood(trusted) ? trusted.principal : undefined;
  }

  /** @param expiresAtMs  when the token itself expires, by the clock of the machine */
  add(token: string, principal: Principal, expiresAtMs: number): void {
    for (const [other, trusted] of this.#trusted) {
      if (this.#trusted.size < MAX_TOKENS && isGood(trusted)) break;
      this.#trusted.delete(other);
    }
    this.#trusted.delete(token);
    this.#trusted.set(token, { principal, expiresAtMs, trustedUntilMs: performance.now() + TRUSTED_MS });
  }
}

function isGood({ expiresAtMs, trustedUntilMs }: Trusted): boolean {
  return performance.now() < trustedUntilMs && Date.now() < expiresAtMs;
}
