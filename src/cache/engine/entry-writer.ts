import { BACKGROUND_BUDGET_MS } from './budget.js';
import { bodyLength } from './cache-entry.js';
import { reasonOf } from './cache-errors.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { heldEntry } from './held-entry.js';
import type { L1Entries } from './l1-entries.js';
import type { Opening } from './opening.js';
import { resultTokens } from './result-tokens.js';
import type { OrderedRun } from './run-order.js';
import { isAway, type Store } from './store.js';
import type { NewEntry, NoStoreReason } from './factory.js';
import type { Subject } from './subject.js';
import type { Tokens } from './tokens.js';

/** Tokens must outlive every entry that carries them; nothing shorter than this is worth the renewals. */
const MIN_TOKEN_TTL_MS = 2 * 3_600_000;

interface EntryWriterOptions {
  readonly store: Store;
  readonly l1: L1Entries;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  /** Takes a part of its TTL from an entry: what was stored together shall not expire together. */
  readonly jittered: (ttlMs: number) => number;
}

/** Who may be given what a run gave. `this-process`: it is softly invalidated, and only its own process knows its age. */
export type Audience = 'all' | 'this-process' | 'nobody';

/** A run that has given what is to be kept. */
export interface EndedRun {
  readonly opening: Opening;
  readonly ordered: OrderedRun;
  readonly loadMs: number;
  /** The tokens under which others had made what it has used. */
  readonly used: Tokens;
}

type KeptFor = Exclude<Audience, 'nobody'>;

/** Keeps what runs gave, each under the tokens that its run was opened with. */
export class EntryWriter {
  readonly #options: EntryWriterOptions;
  #tokenTtlMs = MIN_TOKEN_TTL_MS;

  constructor(options: EntryWriterOptions) {
    this.#options = options;
  }

  /** How long tokens have to live for the longest entry so far. */
  get tokenTtlMs(): number {
    return this.#tokenTtlMs;
  }

  /** Keeps it, or says in an event why not. Never rejects. @returns why the store refused it, if that is why */
  async store(
    subject: Subject,
    given: NewEntry,
    run: EndedRun,
    goodFor: KeptFor,
  ): Promise<string | undefined> {
    const { emit } = this.#options;
    try {
      const reason = await this.#put(subject, given, run, goodFor);
      if (reason) emit({ event: 'cache.no_store', subject, reason });
      return undefined;
    } catch (error) {
      const reason = reasonOf(error);
      emit({ event: 'cache.set_error', subject, reason });
      return reason;
    }
  }

  /** @returns why it was not kept: a tag that the result names was invalidated meanwhile, say, or a later run was kept */
  async #put(
    subject: Subject,
    given: NewEntry,
    { opening, ordered, loadMs, used }: EndedRun,
    goodFor: KeptFor,
  ): Promise<NoStoreReason | undefined> {
    const { store, l1, emit, jittered, clock } = this.#options;
    const sinceMs = clock.monotonicMs();
    await this.#outlive(subject, opening, given.ttlMs + subject.policy.graceMs);
    const named = await resultTokens(
      store,
      subject,
      given.namedTags,
      { opened: opening.tokens, used },
      this.tokenTtlMs,
    );
    if (typeof named === 'string') return named;
    const isForThisProcess = goodFor === 'this-process';
    // What another has made since is better, and held here once somebody has asked for it.
    const hasNewer = isForThisProcess && (l1.find(subject.keyText)?.bornAtMs ?? -Infinity) > opening.atMs;
    if (hasNewer || !ordered.claim()) return 'newer-run';
    const certain = subject.tags.map((tag) => [tag, opening.tokens.get(tag) ?? ''] as const);
    const tokens = new Map([...certain, ...named]);
    // A TTL may end with a moment that a deadline sets: what the questions took is part of it.
    const ttlMs = Math.max(1, Math.round(jittered(given.ttlMs) - (clock.monotonicMs() - sinceMs)));
    const entry = l1.owned({
      keyText: subject.keyText,
      shape: subject.shape,
      tags: [...tokens.keys()],
      tokens: [...tokens.values()],
      ttlMs,
      graceMs: subject.policy.graceMs,
      loadMs: Math.round(loadMs),
      head: given.head ?? {},
      body: given.body,
    });
    const livesMs = entry.ttlMs + entry.graceMs;
    const held = heldEntry(entry, livesMs, clock.monotonicMs(), opening.logPosition, opening.atMs);
    const isHeld = l1.hold({ ...held, bornAtMs: opening.atMs });
    if (isForThisProcess && !isHeld) return 'newer-write';
    const isAwayInPart = store.isAvailable() && isAway(store, subject);
    // There it would only take the place of what is good for others, or it cannot be written at all.
    const isHereOnly = isForThisProcess || opening.isForeign || isAwayInPart;
    if (!isHereOnly)
      await opening.lease.releaseBy((owner) => store.write(subject, entry, held.usableUntilMs, owner));
    emit({ event: 'cache.stored', subject, ttlMs: entry.ttlMs, bytes: bodyLength(entry) });
    return undefined;
  }

  /** Has tokens live on for an entry that will be kept for longer than was known when they were asked for. */
  async #outlive(subject: Subject, opening: Opening, livesMs: number): Promise<void> {
    const wantedMs = 2 * livesMs;
    if (wantedMs <= opening.tokenTtlMs) return;
    this.#tokenTtlMs = Math.max(this.#tokenTtlMs, wantedMs);
    await this.#options.store.open(subject, subject.tags, wantedMs, BACKGROUND_BUDGET_MS);
  }
}
