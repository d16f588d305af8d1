/*
 * The stored format: magic, header length, header as JSON, body. The header says everything about the body, so a
 * reader can judge an entry without touching it. Another magic is another format: a clean miss.
 */
const MAGIC = Buffer.from('ANC2');
const PREAMBLE_BYTES = MAGIC.length + 4;
const MAX_HEADER_BYTES = 1024 * 1024;
/** Where a line of what belongs to a body could end. */
// eslint-disable-next-line no-control-regex -- these are what must not be there
const CONTROLS = /[\u0000-\u001f\u007f]/;
/** What is larger is not looked at. */
export const MAX_ENTRY_BYTES = 16 * 1024 * 1024;

/** An answer as it was given, with what it depends on. */
export interface CacheEntry {
  /** The full text behind the key: two texts with one md5 must not share an answer. */
  readonly keyText: string;
  /** Names the form of the body, so that another version of the program does not read it. */
  readonly shape: string;
  /** Tag → the token it had before the answer was computed. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Fresh for so long, ms. */
  readonly ttlMs: number;
  /** Kept for so long beyond that, ms. */
  readonly graceMs: number;
  /** How long the run took that gave it, ms. */
  readonly loadMs: number;
  /** What belongs to the body without being in it, by name. */
  readonly head: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export function encodeEntry({ body, ...header }: CacheEntry): Buffer {
  const headerBytes = Buffer.from(JSON.stringify(header));
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  MAGIC.copy(preamble);
  preamble.writeUInt32BE(headerBytes.length, MAGIC.length);
  return Buffer.concat([preamble, headerBytes, body]);
}

/** @returns `undefined` for anything {@link encodeEntry} did not write; never throws. The body shares the memory of `bytes`. */
export function decodeEntry(bytes: Buffer): CacheEntry | undefined {
  if (bytes.length < PREAMBLE_BYTES || bytes.length > MAX_ENTRY_BYTES) return undefined;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const headerBytes = bytes.readUInt32BE(MAGIC.length);
  const bodyStart = PREAMBLE_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || bodyStart > bytes.length) return undefined;
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8', PREAMBLE_BYTES, bodyStart));
    return isHeader(header) ? { ...header, body: bytes.subarray(bodyStart) } : undefined;
  } catch {
    return undefined;
  }
}

function isHeader(value: unknown): value is Omit<CacheEntry, 'body'> {
  if (!isRecord(value)) return false;
  const { keyText, shape, tokens, ttlMs, graceMs, loadMs, head } = value;
  return (
    typeof keyText === 'string' &&
    typeof shape === 'string' &&
    [ttlMs, graceMs, loadMs].every((ms) => typeof ms === 'number' && ms >= 0) &&
    isTextByName(tokens) &&
    isTextByName(head) &&
    Object.values(head).every((text) => !CONTROLS.test(text))
  );
}

function isTextByName(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
