/*
 * The stored format: magic, header length, header as JSON, body. The header says everything about the body, so that an
 * entry can be judged without reading that. An entry with another magic has another format, and is a miss.
 */
const MAGIC = Buffer.from('ANC2');
const PREAMBLE_BYTES = MAGIC.length + 4;
/** Room for two thousand tags. */
const MAX_HEADER_BYTES = 256 * 1024;
/** Up to this size any header is parsed quickly, however deep its nesting; 200 kB of nested lists take 30 ms. */
const SMALL_HEADER_BYTES = 8 * 1024;
const TEXT = /"(?:[^"\\]|\\.)*"/g;
/** Matches what no value of `head` may hold: they become HTTP headers, so what would end a line, or what Node refuses there. */
const IN_NO_LINE = /[^\u0020-\u007e\u0080-\u00ff]/;
/**
 * A larger entry is neither sent to a store nor read from it. A look-up may take some 50 ms, and holds up those behind it on
 * the connection; over 1 Gbit/s this size takes a third of that.
 */
export const MAX_ENTRY_BYTES = 2 * 1024 * 1024;

/** An answer as it was given, with what it depends on. */
export interface CacheEntry {
  /** The full text behind the key, for comparison: two texts with the same md5 must not share an answer. */
  readonly keyText: string;
  /** Names the form of the body, so that another version of the program does not read it. */
  readonly shape: string;
  /** What the answer depends on. */
  readonly tags: readonly string[];
  /** The token that each of the tags had before the answer was computed, in their order. */
  readonly tokens: readonly string[];
  /** How long it is fresh, ms. */
  readonly ttlMs: number;
  /** How long it is kept beyond that, ms. */
  readonly graceMs: number;
  /** How long the run took that made it, ms. */
  readonly loadMs: number;
  /** What belongs to the body without being in it, such as HTTP headers, by name. */
  readonly head: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The body as text, where it is held so: if it is short and ASCII. */
  readonly text?: string;
}

/** The answer alone, without what it depends on. */
export type KeptAnswer = Pick<CacheEntry, 'body' | 'text' | 'head'>;

type Header = Omit<CacheEntry, 'body' | 'text' | 'tags' | 'tokens'> & {
  /** Tag → token. */
  readonly tokens: Readonly<Record<string, string>>;
};

/** In bytes; makes no buffer of a body that is held as text. */
export function bodyLength(entry: CacheEntry): number {
  return entry.text?.length ?? entry.body.length;
}

/** @returns `undefined` for an entry that would be too large to be read: with a body of 2 MiB, or thousands of tags */
export function encodeEntry(entry: CacheEntry): Buffer | undefined {
  const { keyText, shape, tags, ttlMs, graceMs, loadMs, head, body } = entry;
  const tokens = Object.fromEntries(tags.map((tag, index) => [tag, entry.tokens[index] ?? '']));
  const header: Header = { keyText, shape, tokens, ttlMs, graceMs, loadMs, head };
  const headerBytes = Buffer.from(JSON.stringify(header));
  if (!isReadable(headerBytes.length, body.length)) return undefined;
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  MAGIC.copy(preamble);
  preamble.writeUInt32BE(headerBytes.length, MAGIC.length);
  return Buffer.concat([preamble, headerBytes, body]);
}

/** @returns `undefined` for anything {@link encodeEntry} did not write; never throws. The body shares the memory of `bytes`. */
export function decodeEntry(bytes: Buffer): CacheEntry | undefined {
  if (bytes.length < PREAMBLE_BYTES) return undefined;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const headerBytes = bytes.readUInt32BE(MAGIC.length);
  const bodyStart = PREAMBLE_BYTES + headerBytes;
  if (!isReadable(headerBytes, bytes.length - bodyStart)) return undefined;
  const text = bytes.toString('utf8', PREAMBLE_BYTES, bodyStart);
  if (headerBytes > SMALL_HEADER_BYTES && !isFlat(text)) return undefined;
  try {
    const header: unknown = JSON.parse(text);
    if (!isHeader(header)) return undefined;
    const { keyText, shape, tokens, ttlMs, graceMs, loadMs, head } = header;
    const [tags, body] = [Object.keys(tokens), bytes.subarray(bodyStart)];
    return { keyText, shape, tags, tokens: Object.values(tokens), ttlMs, graceMs, loadMs, head, body };
  } catch {
    return undefined;
  }
}

function isReadable(headerBytes: number, bodyBytes: number): boolean {
  const size = PREAMBLE_BYTES + headerBytes + bodyBytes;
  return bodyBytes >= 0 && headerBytes <= MAX_HEADER_BYTES && size <= MAX_ENTRY_BYTES;
}

/** Whether it has no lists, and no more objects than a header. */
function isFlat(json: string): boolean {
  const withoutTexts = json.replace(TEXT, '');
  return !withoutTexts.includes('[') && withoutTexts.split('{').length <= 4;
}

function isHeader(value: unknown): value is Header {
  if (!isRecord(value)) return false;
  const { keyText, shape, tokens, ttlMs, graceMs, loadMs, head } = value;
  return (
    typeof keyText === 'string' &&
    typeof shape === 'string' &&
    [ttlMs, graceMs, loadMs].every((ms) => typeof ms === 'number' && ms >= 0) &&
    isTextByName(tokens) &&
    isTextByName(head) &&
    Object.values(head).every((text) => !IN_NO_LINE.test(text))
  );
}

function isTextByName(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
