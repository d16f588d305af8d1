import type { EntryName } from '../engine/store.js';
import { EPOCH } from '../engine/tags.js';
import { channelOf, tokenKeyOf } from '../redis/shared-names.js';

/** What things are called in Redis, the application's namespace in front. */
export class RedisKeys {
  readonly #namespace: string;
  readonly #hashTags: readonly string[];

  /** @param hashTags for each an epoch of its own is kept; without any there is one epoch, a token like others */
  constructor(namespace: string, hashTags: readonly string[]) {
    this.#namespace = namespace;
    this.#hashTags = hashTags;
  }

  /** Where invalidations are published. */
  get channel(): string {
    return channelOf(this.#namespace);
  }

  entry({ key }: EntryName): string {
    return this.#namespace + key;
  }

  lease({ key }: EntryName): string {
    return `${this.#namespace}lease:${key}`;
  }

  token(tag: string): string {
    return tokenKeyOf(this.#namespace, tag);
  }

  /** The epoch that stands in every token of a server. */
  epoch(hashTag: string): string {
    return this.token(`${EPOCH}:${hashTag}`);
  }

  /** Everything that goes away when `tag` is invalidated. */
  tokens(tag: string): string[] {
    if (tag !== EPOCH || this.#hashTags.length === 0) return [this.token(tag)];
    return this.#hashTags.map((hashTag) => this.epoch(hashTag));
  }

  tagOf(token: string): string {
    return token.slice(this.#namespace.length + 'token:'.length);
  }
}
