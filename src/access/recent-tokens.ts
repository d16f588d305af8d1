import type { Principal } from './principal.js';

/** How long a token that was right counts without another look, ms: a key that is withdrawn counts so much longer. */
const TRUSTED_MS = 10_000;
const MAX_TOKENS = 1000;

interface Trusted {
  readonly principal: Principal;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Tokens that were right a moment ago: checking a signature takes longer than answering from the cache. */
export class RecentTokens {
  readonly #trusted = new Map<string, Trusted>();

  find(token: string): Principal | undefined {
    const trusted = this.#trusted.get(token);
    if (!trusted) return undefined;
    const now = Date.now();
    // A clock that was set back says nothing about how long ago that was.
    if (trusted.fromMs <= now && now < trusted.untilMs) return trusted.principal;
    this.#trusted.delete(token);
    return undefined;
  }

  /** @param expiresAtMs  when the token itself expires, by the clock of the machine */
  add(token: string, principal: Principal, expiresAtMs: number): void {
    if (this.#trusted.size >= MAX_TOKENS) {
      const [oldest = ''] = this.#trusted.keys();
      this.#trusted.delete(oldest);
    }
    const fromMs = Date.now();
    this.#trusted.set(token, { principal, fromMs, untilMs: Math.min(fromMs + TRUSTED_MS, expiresAtMs) });
  }
}
