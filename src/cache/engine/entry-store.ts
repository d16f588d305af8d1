import type { CaughtUp } from './backplane.js';
import { BACKGROUND_BUDGET_MS, type Budget } from './budget.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import type { Coherence } from './coherence.js';
import { CurrentRun } from './current-run.js';
import type { Audience, EntryWriter } from './entry-writer.js';
import { heldEntry, isFresh, type HeldEntry } from './held-entry.js';
import type { L1Entries } from './l1-entries.js';
import type { LoadLease } from './load-lease.js';
import type { Asked, Opening } from './opening.js';
import { SharedReads } from './shared-reads.js';
import type { Store, StoreRead } from './store.js';
import type { Subject } from './subject.js';
import { ANY, takenAway } from './tags.js';
import { TokenReader } from './token-reader.js';
import { liveness, tokensByTag, type Liveness, type Tokens } from './tokens.js';

/** After so long an entry is compared with the store although nothing was heard. */
const COMPARED_FOR_MS = 5000;

interface EntryStoreOptions {
  readonly store: Store;
  readonly l1: L1Entries;
  readonly coherence: Coherence;
  readonly writer: Pick<EntryWriter, 'tokenTtlMs'>;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
}

/**
 * Entries under tokens, in this process and in whatever store: an entry comes out only while every token it was computed
 * under is still the present one. Rejects when the store does.
 */
export class EntryStore {
  readonly #options: EntryStoreOptions;
  readonly #tokens: TokenReader;
  readonly #reads = new SharedReads((subject, budget) => this.#read(subject, budget));

  constructor(options: EntryStoreOptions) {
    this.#options = options;
    this.#tokens = new TokenReader(options.store);
  }

  get isAvailable(): boolean {
    return this.#options.store.isAvailable();
  }

  /** As {@link StoreOpened.isPerProcess}, whatever is asked for now. */
  get isPerProcess(): boolean {
    const { store } = this.#options;
    return !store.isAvailable() || (store.isPerProcess?.() ?? false);
  }

  /** The fresh entry that this process holds. It may have been invalidated: {@link isTrusted} and {@link find} tell. */
  inL1(subject: Subject): HeldEntry | undefined {
    const held = this.#options.l1.find(subject.keyText);
    return isFresh(held, this.#options.clock) && held?.entry.shape === subject.shape ? held : undefined;
  }

  /**
   * Whether `held` may be served without asking the store.
   *
   * Inside a run that needs a store which no other process uses, whatever the policy says. What the run gives is stored under
   * tokens of its own, and these would vouch for it although it was made of something old.
   */
  isTrusted(held: HeldEntry, { policy }: Subject): boolean {
    return this.#options.coherence.vouchesFor(held, CurrentRun.around ? 'strong' : policy.consistency);
  }

  /**
   * The entry that may be served: the one that this process holds, if nothing that it depends on was invalidated, or else the
   * one in the store. All who wait share one question.
   *
   * @param minFreshMs  for so long a soft invalidation is overlooked. Default: as the policy says
   */
  find(
    subject: Subject,
    budget: Budget,
    minFreshMs = subject.policy.minFreshMs,
  ): Promise<HeldEntry | undefined> {
    const held = this.inL1(subject);
    if (!held) return this.#reads.read(subject, budget);
    const compare = () => this.#compare(held, subject, budget, minFreshMs);
    const caughtUp = this.#mustBeCompared(held) ? undefined : this.#options.coherence.catchUp(budget.leftMs);
    return caughtUp?.then((heard) => this.#ifUnchanged(held, heard, compare)) ?? compare();
  }

  /**
   * Inside a run, since what that gives is judged by the tokens of what it used; where the store is away, since nobody hears of
   * what is invalidated meanwhile; and from time to time, for a token may be lost without an invalidation, and whoever stands
   * in for the store goes by what it has lately named.
   */
  #mustBeCompared({ comparedAtMs }: HeldEntry): boolean {
    return (
      CurrentRun.around !== undefined || this.isPerProcess || this.#ageMs(comparedAtMs) >= COMPARED_FOR_MS
    );
  }

  /** What was heard tells that it is as it was, or else its tokens do. Who hears late does not wait for it alone. */
  #ifUnchanged(
    held: HeldEntry,
    heard: CaughtUp,
    compare: () => Promise<HeldEntry | undefined>,
  ): HeldEntry | Promise<HeldEntry | undefined> {
    const { coherence, clock } = this.#options;
    const isGood = (all: boolean) => all && coherence.isUnchanged(held) && isFresh(held, clock);
    if (typeof heard === 'boolean') return isGood(heard) ? held : compare();
    const compared = compare();
    const late = heard.late.then((all) => (isGood(all) ? held : compared));
    return Promise.race([late, compared.catch(() => late)]);
  }

  /** By the present tokens of its tags. */
  #compare(
    held: HeldEntry,
    subject: Subject,
    budget: Budget,
    minFreshMs: number,
  ): Promise<HeldEntry | undefined> {
    const { clock, l1 } = this.#options;
    const asked = this.#now();
    const { tags, tokens } = held.entry;
    return this.#tokens.read(tags, budget.leftMs).then((present) => {
      const state = liveness(tags, tokens, present);
      if (state === 'alive') [held.validAtPosition, held.comparedAtMs] = [asked.logPosition, asked.atMs];
      // Nobody need ask about it again: it stays dead.
      if (state === 'dead') l1.drop(held);
      const isValid = state === 'alive' || (state === 'outdated' && this.#isYoung(held.bornAtMs, minFreshMs));
      // It may have expired while it was asked about, and another process may have replaced it.
      return isValid && isFresh(held, clock) ? held : this.#reads.read(subject, budget);
    });
  }

  /** The entry in the store, if it is the one asked for and nothing it depends on has changed. */
  async #read(subject: Subject, budget: Budget): Promise<HeldEntry | undefined> {
    const { tags } = subject;
    const asked = this.#now();
    const read = await this.#options.store.read(subject, tags, budget.leftMs);
    return (await this.#judge(subject, tags, read, asked, budget)).held;
  }

  /**
   * @param witnesses families that tell whether something the result may name was invalidated; of all others {@link ANY}
   *   tells
   * @param lease     to run the method for all processes
   */
  async open(
    subject: Subject,
    witnesses: readonly string[],
    budget: Budget,
    lease?: LoadLease,
  ): Promise<Omit<Opening, 'lease'>> {
    const tags = [...subject.tags, ...(subject.furtherTags.mayBeNamed ? [ANY] : []), ...witnesses];
    const asked = this.#now();
    const { store, writer } = this.#options;
    const { tokenTtlMs } = writer;
    const read = await store.open(subject, tags, tokenTtlMs, budget.leftMs, lease);
    return {
      ...(await this.#judge(subject, tags, read, asked, budget)),
      ...asked,
      // '' equals no token: a tag to which the store gave none counts as changed.
      tokens: new Map(tags.map((tag, index) => [tag, read.tokens[index] ?? ''])),
      tokenTtlMs,
      hasLease: read.hasLease,
      isPerProcess: read.isPerProcess ?? false,
    };
  }

  /**
   * Whether a run under these tokens is still good for whoever asks now.
   *
   * @param tags of `tokens`, those to ask about. Default all but {@link ANY}, which moves for others, too
   */
  async isCurrent(
    subject: Subject,
    tokens: Tokens,
    calledAtMs: number,
    { leftMs }: Pick<Budget, 'leftMs'>,
    tags: readonly string[] = [...tokens.keys()].filter((tag) => tag !== ANY),
  ): Promise<boolean> {
    const state = livenessOf(tags, tokens, await this.#tokens.read(tags, leftMs));
    return (
      state === 'alive' || (state === 'outdated' && this.#isYoung(calledAtMs, subject.policy.minFreshMs))
    );
  }

  /** Whether this process has heard of no invalidation of what it certainly depends on since it was begun. */
  isQuietSince({ logPosition }: Opening, { tags }: Subject): boolean {
    return this.#options.coherence.isQuietSince(logPosition, tags);
  }

  /**
   * Who may be given the result of a run that began with `opening`, so that a useless one does not replace a better one in
   * the store. If the store does not answer: all, since a result with a dead token is served to nobody anyway. Never rejects.
   */
  async goodFor({ tags, policy }: Subject, { tokens, atMs }: Opening): Promise<Audience> {
    try {
      // A question of its own: who waits for an answer would share the patience of one for which nobody waits.
      const present = tokensByTag(tags, await this.#options.store.tokens(tags, BACKGROUND_BUDGET_MS));
      const state = livenessOf(tags, tokens, present);
      if (state === 'alive') return 'all';
      // Also inside of another run: others ask for it, too.
      return state === 'outdated' && this.#ageMs(atMs) < policy.minFreshMs ? 'this-process' : 'nobody';
    } catch {
      return 'all';
    }
  }

  /** Takes the tokens of `hard` away, families first, and of those of `soft` the soft halves. */
  async invalidate(hard: readonly string[], soft: readonly string[], budgetMs: number): Promise<void> {
    const { store, coherence } = this.#options;
    const inOrder = takenAway(hard, soft);
    try {
      await store.invalidate(inOrder, soft, budgetMs);
    } finally {
      // After the store: an entry whose tokens were read before must not be trusted on the strength of an earlier note.
      // And also when it did not confirm: nobody else tells this process of what it has just invalidated.
      coherence.onInvalidated([...inOrder, ...soft]);
    }
  }

  /** To be taken before the store is asked: then no invalidation falls between the two. */
  #now(): Asked {
    const { coherence, clock } = this.#options;
    return { logPosition: coherence.logPosition, atMs: clock.monotonicMs() };
  }

  /** The entry in `read`, if it may be served. Its own further tags cost a second question. */
  async #judge(
    subject: Subject,
    tags: readonly string[],
    { stored, isUnreadable, tokens }: StoreRead,
    { logPosition, atMs }: Asked,
    budget: Budget,
  ): Promise<Pick<Opening, 'held' | 'isForeign'>> {
    const nothing = { held: undefined, isForeign: false };
    if (isUnreadable) this.#options.emit({ event: 'cache.decode_error', subject });
    if (stored?.entry.keyText !== subject.keyText) return nothing;
    const { entry, leftMs } = stored;
    // Written by a program that did not know this tag yet: nothing tells whether it was invalidated.
    if (!subject.tags.every((tag) => entry.tags.includes(tag))) return nothing;
    const unread = entry.tags.filter((tag) => !tags.includes(tag));
    const further =
      unread.length > 0 ? await this.#tokens.read(unread, budget.leftMs) : new Map<string, string>();
    const present = new Map([...tokensByTag(tags, tokens), ...further]);
    if (liveness(entry.tags, entry.tokens, present) !== 'alive') return nothing;
    if (entry.shape !== subject.shape) return { held: undefined, isForeign: leftMs > entry.graceMs };
    const { l1 } = this.#options;
    const held = heldEntry(l1.owned(entry), leftMs, atMs, logPosition);
    // It may have been on its way while another was made here.
    const other = this.inL1(subject);
    if (!other || other.bornAtMs <= held.bornAtMs) l1.hold(held);
    return { held, isForeign: false };
  }

  /** Inside a run nothing is young enough: what the run gives is kept for longer. */
  #isYoung(bornAtMs: number, minFreshMs: number): boolean {
    return !CurrentRun.around && this.#ageMs(bornAtMs) < minFreshMs;
  }

  #ageMs(bornAtMs: number): number {
    return this.#options.clock.monotonicMs() - bornAtMs;
  }
}

function livenessOf(tags: readonly string[], tokens: Tokens, present: Tokens): Liveness {
  const before = tags.map((tag) => tokens.get(tag));
  return liveness(tags, before, present);
}
