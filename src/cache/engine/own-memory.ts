import { isAscii } from 'node:buffer';
import { BoundedMap } from './bounded-map.js';
import type { CacheEntry } from './cache-entry.js';

/**
 * An ASCII body up to this length is kept as text: each small buffer has its own memory outside the heap, and of thousands
 * of them the allocator gives little back to the system. For a longer one, encoding at each hit would cost more than that is
 * worth. Measured, see docs/benchmarks.md.
 */
const MAX_TEXT_BYTES = 2048;
/** How many texts are remembered to be shared, and how long each may be, characters. */
const [MAX_SHARED_TEXTS, MAX_SHARED_LENGTH] = [1000, 200];

/** Copies entries for long keeping: they share no memory with what was read, and share the texts that many have in common. */
export class OwnMemory {
  readonly #shared = new BoundedMap<string>(MAX_SHARED_TEXTS);

  of(entry: CacheEntry): CacheEntry {
    if (entry instanceof OwnEntry) return entry;
    const share = (text: string) => this.#share(text);
    const head = Object.fromEntries(Object.entries(entry.head).map(([name, value]) => [name, share(value)]));
    return new OwnEntry(entry, entry.tags.map(share), entry.tokens.map(share), head);
  }

  /** Gives the same text to all entries that have an equal one, such as a content type or the token of a route. */
  #share(text: string): string {
    if (text.length > MAX_SHARED_LENGTH) return text;
    const known = this.#shared.get(text);
    if (known !== undefined) return known;
    this.#shared.set(text, text);
    return text;
  }
}

class OwnEntry implements CacheEntry {
  readonly keyText: string;
  readonly shape: string;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly loadMs: number;
  readonly text?: string;
  readonly #bytes: Buffer | undefined;

  constructor(
    entry: CacheEntry,
    readonly tags: readonly string[],
    readonly tokens: readonly string[],
    readonly head: Readonly<Record<string, string>>,
  ) {
    this.keyText = entry.keyText;
    this.shape = entry.shape;
    this.ttlMs = entry.ttlMs;
    this.graceMs = entry.graceMs;
    this.loadMs = entry.loadMs;
    const { body } = entry;
    if (body.length <= MAX_TEXT_BYTES && isAscii(body)) this.text = body.toString('latin1');
    else this.#bytes = ownBuffer(body);
  }

  /** If the body is held as text, a new buffer each time. */
  get body(): Buffer {
    return this.#bytes ?? Buffer.from(this.text ?? '', 'latin1');
  }
}

/** Copies a body that is a small part of a larger buffer, such as one from the network, and would keep all of that. */
function ownBuffer(body: Buffer): Buffer {
  if (body.buffer.byteLength <= 2 * body.length) return body;
  // Not from Node's pool: a piece of it is kept as long as any part, and shared with buffers that live for a moment only.
  const own = Buffer.allocUnsafeSlow(body.length);
  body.copy(own);
  return own;
}
