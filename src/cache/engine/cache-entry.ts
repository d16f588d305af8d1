/*
 * The stored format: magic, header length, header as JSON, body. The header says everything about the body, so a
 * reader can judge an entry without touching it. Another magic is another format: a clean miss.
 */
const MAGIC = Buffer.from('ANC1');
const PREAMBLE_BYTES = MAGIC.length + 4;
const MAX_HEADER_BYTES = 1024 * 1024;

/** An answer as it was given, with what it depends on. */
export interface CacheEntry {
  /** The full text behind the key: two texts with one md5 must not share an answer. */
  readonly keyText: string;
  /** Names the form of the body, so that another version of the program does not read it. */
  readonly shape: string;
  /** Tag → the token it had before the answer was computed. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Wall clock, ms. For `Age` only. */
  readonly storedAtMs: number;
  readonly ttlMs: number;
  /** Strong validator of the body (RFC 9110 section 8.8.3), quotes included; only HTTP answers have one. */
  readonly etag?: string;
  readonly body: Buffer;
}

export function encodeEntry({ body, ...header }: CacheEntry): Buffer {
  const headerBytes = Buffer.from(JSON.stringify(header));
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  MAGIC.copy(preamble);
  preamble.writeUInt32BE(headerBytes.length, MAGIC.length);
  return Buffer.concat([preamble, headerBytes, body]);
}

/** @returns `undefined` for anything {@link encodeEntry} did not write; never throws. */
export function decodeEntry(bytes: Buffer): CacheEntry | undefined {
  if (bytes.length < PREAMBLE_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
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
  if (typeof value !== 'object' || value === null) return false;
  const header = value as Partial<Record<keyof CacheEntry, unknown>>;
  return (
    typeof header.keyText === 'string' &&
    typeof header.shape === 'string' &&
    typeof header.storedAtMs === 'number' &&
    typeof header.ttlMs === 'number' &&
    typeof header.tokens === 'object' &&
    header.tokens !== null
  );
}
