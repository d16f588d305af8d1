import type { Budget } from './budget.js';
import { decodeEntry, encodeEntry, type CacheEntry } from './cache-entry.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import type { Store, StoreRead } from './store.js';
import type { Produced, Subject } from './subject.js';
import { ANY, EPOCH, familyTag } from './tags.js';
import { isAlive, tokensByTag, type Tokens } from './tokens.js';

/** What a load begins with: the tokens of all that its result may depend on, and the entry if there is one by now. */
export interface Opened {
  readonly entry: CacheEntry | undefined;
  readonly tokens: Tokens;
}

/** Tokens must outlive every entry that carries them; nothing shorter than this is worth the renewals. */
const MIN_TOKEN_TTL_MS = 2 * 3_600_000;
/** What the work behind an answer, for which nobody waits, may take for each question. */
const BACKGROUND_BUDGET_MS = 1000;

/**
 * Entries under tokens, in whatever store: an entry comes out only while every token it was computed under is still the
 * present one. Rejects when the store does.
 */
export class EntryStore {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #emit: EmitCacheEvent;
  #tokenTtlMs = MIN_TOKEN_TTL_MS;

  constructor(store: Store, clock: Clock, emit: EmitCacheEvent) {
    this.#store = store;
    this.#clock = clock;
    this.#emit = emit;
  }

  get isAvailable(): boolean {
    return this.#store.isAvailable();
  }

  expectTtl(longestTtlMs: number): void {
    this.#tokenTtlMs = Math.max(this.#tokenTtlMs, 2 * longestTtlMs);
  }

  /** The entry, if it is the one asked for and nothing it depends on has changed. */
  async read(subject: Subject, budget: Budget): Promise<CacheEntry | undefined> {
    const tags = certainTags(subject);
    return this.#judge(subject, tags, await this.#store.read(subject.key, tags, budget.leftMs), budget);
  }

  /** @param families of tags that the result may name */
  async open(subject: Subject, families: readonly string[], budget: Budget): Promise<Opened> {
    const tags = [...certainTags(subject), ...(subject.hasResultTags ? [ANY, ...families] : [])];
    const read = await this.#store.open(subject.key, tags, this.#tokenTtlMs, budget.leftMs);
    return {
      entry: await this.#judge(subject, tags, read, budget),
      tokens: tokensByTag(tags, read.tokens),
    };
  }

  /** Whether none of these tokens has been taken away. {@link ANY} is left out: it moves for others, too. */
  async isCurrent(subject: Subject, tokens: Tokens, budget: Budget): Promise<boolean> {
    const tags = [...tokens.keys()].filter((tag) => tag !== ANY);
    const present = tokensByTag(tags, (await this.#store.read(subject.key, tags, budget.leftMs)).tokens);
    return tags.every((tag) => present.get(tag) === tokens.get(tag));
  }

  /**
   * Stores what a run gave, under the tokens it was opened with.
   *
   * @returns whether it did; not if an invalidation of a tag that the result names may have come in between
   */
  async put(
    subject: Subject,
    opened: Tokens,
    given: NonNullable<Produced<unknown>['entry']>,
  ): Promise<boolean> {
    const { body, ttlMs, resultTags, etag } = given;
    this.expectTtl(ttlMs);
    const resultTokens = await this.#resultTokens(subject, resultTags, opened);
    if (!resultTokens) return false;
    const certain = certainTags(subject).map((tag) => [tag, opened.get(tag) ?? ''] as const);
    const bytes = encodeEntry({
      keyText: subject.keyText,
      shape: subject.shape,
      tokens: Object.fromEntries([...certain, ...resultTokens]),
      storedAtMs: this.#clock.nowMs(),
      ttlMs,
      ...(etag && { etag }),
      body,
    });
    await this.#store.write(subject.key, bytes, ttlMs);
    this.#emit({
      event: 'cache.stored',
      prefix: subject.prefix,
      key: subject.key,
      ttlMs,
      bytes: bytes.length,
    });
    return true;
  }

  /** Takes the tokens away, in this order. */
  drop(tags: readonly string[], budgetMs: number): Promise<void> {
    return this.#store.drop(tags, budgetMs);
  }

  /** The entry in `read`, if it may be served. Its own further tags cost a second question. */
  async #judge(
    subject: Subject,
    tags: readonly string[],
    read: StoreRead,
    budget: Budget,
  ): Promise<CacheEntry | undefined> {
    if (!read.entry) return undefined;
    const entry = decodeEntry(read.entry);
    if (!entry) {
      this.#emit({ event: 'cache.decode_error', prefix: subject.prefix, key: subject.key });
      return undefined;
    }
    if (entry.keyText !== subject.keyText || entry.shape !== subject.shape) return undefined;
    // Written by a program that did not know this tag yet: nothing tells whether it was invalidated.
    if (!certainTags(subject).every((tag) => Object.hasOwn(entry.tokens, tag))) return undefined;
    const unread = Object.keys(entry.tokens).filter((tag) => !tags.includes(tag));
    const further =
      unread.length > 0 ? await this.#store.read(subject.key, unread, budget.leftMs) : undefined;
    const present = tokensByTag([...tags, ...unread], [...read.tokens, ...(further?.tokens ?? [])]);
    return isAlive(entry, present) ? entry : undefined;
  }

  /**
   * Tokens of tags that only the result knows are read after the method ran. That is sound only if their family's token
   * has not moved since before it: an invalidation moves the family first, then the tag. For a family that was not
   * watched, the token that moves with every invalidation stands in.
   */
  async #resultTokens(
    subject: Subject,
    resultTags: readonly string[],
    opened: Tokens,
  ): Promise<Tokens | undefined> {
    if (resultTags.length === 0) return new Map();
    const witnesses = [
      ...new Set(resultTags.map(familyTag).map((family) => (opened.has(family) ? family : ANY))),
    ];
    const { tokens } = await this.#store.open(
      subject.key,
      resultTags,
      this.#tokenTtlMs,
      BACKGROUND_BUDGET_MS,
    );
    const after = await this.#store.read(subject.key, witnesses, BACKGROUND_BUDGET_MS);
    const isUnmoved = witnesses.every((witness, index) => {
      const token = opened.get(witness);
      return token !== undefined && after.tokens[index] === token;
    });
    return isUnmoved ? tokensByTag(resultTags, tokens) : undefined;
  }
}

function certainTags(subject: Subject): string[] {
  return [EPOCH, ...subject.tags];
}
