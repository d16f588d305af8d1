import type { Ask } from './ask.js';
import type { Audits } from './audits.js';
import type { Budget } from './budget.js';
import { bodyLength } from './cache-entry.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import type { EntryStore } from './entry-store.js';
import { foundNow, type Found } from './held-entry.js';
import type { RefreshAhead } from './refresh-ahead.js';
import type { Subject } from './subject.js';

/** A fresh entry was found. */
export interface Hit {
  readonly state: 'hit';
  readonly found: Found;
  /** What whoever serves it must also start, behind the answer. */
  readonly alsoStarts: 'refresh' | 'audit' | undefined;
}

/** What a look-up found. */
export type Lookup =
  | Hit
  /** Beyond its TTL but within its grace: to be served if nothing better is to be had in time. */
  | { readonly state: 'stale'; readonly found: Found }
  /** `bypass`: the store did not answer. `switched-off`: nothing is kept at all. */
  | { readonly state: 'miss' | 'bypass' | 'switched-off' };

/** In place of a look-up: the caller asked for a new answer, and may have one made. */
export interface Renewal {
  readonly state: 'renewal';
  /** Whether the store is away, so that it cannot be kept. */
  readonly isPastCache: boolean;
}

interface LookupsOptions {
  readonly entries: EntryStore;
  readonly ask: Ask;
  readonly refreshAhead: RefreshAhead;
  readonly audits: Audits;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
}

/** Finds an entry that may be served: in this process, in the store, or nowhere. */
export class Lookups {
  readonly #options: LookupsOptions;

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  /** A hit on an entry that this process holds, at once, if that needs no question to the store; else `undefined`. */
  lookupHeld(subject: Subject): Lookup | undefined {
    const { entries, clock, emit } = this.#options;
    const held = entries.inL1(subject);
    if (!held || !entries.isTrusted(held, subject)) return undefined;
    const found = foundNow(held, clock);
    if (found.freshForMs <= 0) return undefined;
    emit({ event: 'cache.lookup', subject });
    return this.#asLookup(subject, found);
  }

  /**
   * Asks the store whether there is an entry of which nothing that it depends on was invalidated. Never rejects: a store
   * that does not answer is a `bypass`.
   */
  lookup(subject: Subject, budget: Budget): Promise<Lookup> {
    const { ask, emit } = this.#options;
    emit({ event: 'cache.lookup', subject });
    return ask(subject, budget, (entries) => entries.find(subject, budget)).then((looked) => {
      if (!looked) {
        emit({ event: 'cache.fallback', subject });
        return { state: 'bypass' };
      }
      if (looked.answer) return this.#asLookup(subject, foundNow(looked.answer, this.#options.clock));
      emit({ event: 'cache.miss', subject });
      return { state: 'miss' };
    });
  }

  #asLookup(subject: Subject, found: Found): Lookup {
    const { emit } = this.#options;
    if (found.freshForMs <= 0) {
      emit({ event: 'cache.miss', subject });
      return { state: 'stale', found };
    }
    emit({ event: 'cache.hit', subject, bytes: bodyLength(found.entry) });
    return { state: 'hit', found, alsoStarts: this.#alsoStarts(subject, found) };
  }

  #alsoStarts(subject: Subject, found: Found): Hit['alsoStarts'] {
    const { refreshAhead, audits } = this.#options;
    if (refreshAhead.claim(subject, found)) return 'refresh';
    return audits.takes(subject) ? 'audit' : undefined;
  }
}
