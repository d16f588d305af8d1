import { storeKey } from './cache-key.js';
import type { EntryPolicy } from './entry-policy.js';
import type { EntryName } from './store.js';
import { EPOCH, LONGEST_NAME } from './tags.js';

/** Tags that only a call names: by its result, or by its arguments as they were converted. */
export interface FurtherTags {
  /** Whether a call may name any. That may become known only during a call, and then also holds for those who wait for it. */
  readonly mayBeNamed: boolean;
  /** A tag of each family that they may be of, such as `tag/roster`. Default: they may be of any. */
  readonly families?: readonly string[] | undefined;
}

interface SubjectParts {
  readonly prefix: string;
  readonly keyText: string;
  readonly shape: string;
  readonly policy: EntryPolicy;
  /** Default: none. */
  readonly furtherTags?: FurtherTags;
  /** What it depends on beside {@link EPOCH}, as far as that is known before it is computed. Called at most once. */
  readonly tags: () => readonly string[];
}

const NONE: FurtherTags = { mayBeNamed: false };

/** What is asked for. Its short key and its tags are made when somebody needs them; a hit in this process does not. */
export class Subject implements EntryName {
  readonly prefix: string;
  readonly keyText: string;
  readonly shape: string;
  readonly policy: EntryPolicy;
  readonly furtherTags: FurtherTags;
  readonly #makeTags: () => readonly string[];
  #tags: readonly string[] | undefined;
  #key: string | undefined;

  constructor(parts: SubjectParts) {
    this.prefix = parts.prefix;
    this.keyText = parts.keyText;
    this.shape = parts.shape;
    this.policy = parts.policy;
    this.furtherTags = parts.furtherTags ?? NONE;
    this.#makeTags = parts.tags;
  }

  get key(): string {
    return (this.#key ??= storeKey(this.prefix, this.keyText));
  }

  /** What a process remembers it by. Of bounded length: whoever asks decides how long the whole text is. */
  get shortKeyText(): string {
    return this.keyText.length > LONGEST_NAME ? this.key : this.keyText;
  }

  /** What it depends on whatever its result names. */
  get tags(): readonly string[] {
    return (this.#tags ??= [EPOCH, ...this.#makeTags()]);
  }
}
