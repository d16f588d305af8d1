import { isAscii } from 'node:buffer';
import type { CacheEntry } from './cache-entry.js';
import { putNewest } from './put-newest.js';

/**
 * A shorter body is kept as text: each small buffer has a piece of memory of its own outside the heap, and the allocator
 * gives back little of what thousands of them leave. Encoding a longer one at each hit costs more than that is worth.
 * Measured, see docs/benchmarks.md.
 */
const MAX_TEXT_BYTES = 2048;
/** So many texts are compared with later ones, and none that is longer. */
const [MAX_SHARED_TEXTS, MAX_SHARED_LENGTH] = [1000, 200];

/** Entries as a process keeps them for long: in memory that is theirs alone, with one copy of what many have in common. */
export class OwnMemory {
  readonly #shared = new Map<string, string>();

  of(entry: CacheEntry): CacheEntry {
    if (entry instanceof OwnEntry) return entry;
    const share = (text: string) => this.#share(text);
    const head = Object.fromEntries(Object.entries(entry.head).map(([name, value]) => [name, share(value)]));
    return new OwnEntry(entry, entry.tags.map(share), entry.tokens.map(share), head);
  }

  /** One text for all that are equal, as tokens of a route and content types are. */
  #share(text: string): string {
    if (text.length > MAX_SHARED_LENGTH) return text;
    const known = this.#shared.get(text);
    if (known !== undefined) return known;
    putNewest(this.#shared, text, text, MAX_SHARED_TEXTS);
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

  /** A new one for each who asks, of a body that is held as text. */
  get body(): Buffer {
    return this.#bytes ?? Buffer.from(this.text ?? '', 'latin1');
  }
}

/** A small part of a larger piece of memory, as of what came over the network, would keep all of that. */
function ownBuffer(body: Buffer): Buffer {
  if (body.buffer.byteLength <= 2 * body.length) return body;
  // Not from Node's pool: its pieces are shared with what lives for a moment only, and kept as long as any part of them.
  const own = Buffer.allocUnsafeSlow(body.length);
  body.copy(own);
  return own;
}
