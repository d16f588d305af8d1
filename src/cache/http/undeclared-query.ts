import type { CacheRequest } from '../definition/cache-request.js';
import { pythonJson } from '../engine/cache-key.js';
import { isRecord } from '../engine/value-codec.js';
import type { WholeQuery } from './declared-inputs.js';

/** So many names are known to be dropped; those of others stay in the key. */
const MAX_DROPPED = 100;

/**
 * Query parameters beside those that a query class describes. A class may be described in part, and a handler reads what
 * it is given: so they are in the key, until a run has shown that pipes drop those of that name.
 */
export class UndeclaredQuery {
  readonly #whole: WholeQuery;
  readonly #dropped = new Set<string>();

  constructor(whole: WholeQuery) {
    this.#whole = whole;
  }

  /** What a key gets for them; nothing where there are none. */
  keyText({ query }: CacheRequest): string {
    let given: Record<string, unknown> | undefined;
    for (const name of Object.keys(query)) {
      if (this.#whole.names.has(name) || this.#dropped.has(name)) continue;
      given ??= Object.create(null) as Record<string, unknown>;
      given[name] = query[name];
    }
    return given ? `|query:${pythonJson(given)}` : '';
  }

  /** Looks at what the handler was called with. */
  learn({ query }: CacheRequest, args: readonly unknown[]): void {
    const sent = this.#undeclared(query);
    if (sent.length === 0) return;
    if (!this.#whole.taken.every(({ index, type }) => this.#isWithout(sent, args[index], type))) return;
    for (const name of sent) if (this.#dropped.size < MAX_DROPPED) this.#dropped.add(name);
  }

  #undeclared(query: object): string[] {
    return Object.keys(query).filter((name) => !this.#whole.names.has(name));
  }

  /** Whether an argument can be seen to hold nothing but what is declared, and nothing of `names`, not even `undefined`. */
  #isWithout(names: readonly string[], arg: unknown, type: unknown): boolean {
    if (typeof arg !== 'object' || arg === null) return false;
    const isOfType = arg.constructor === type;
    return (
      (isOfType || isRecord(arg)) &&
      Object.entries(arg).every(
        ([name, value]) => this.#whole.names.has(name) || (value === undefined && !names.includes(name)),
      )
    );
  }
}
