import { decodeEntry, encodeEntry, type CacheEntry } from './cache-entry.js';
import { OwnMemory } from './own-memory.js';

function entryOf(body: Buffer, token = 't'): CacheEntry {
  const head = { 'content-type': 'application/json' };
  return {
    keyText: 'a',
    shape: 's',
    tags: ['x'],
    tokens: [token],
    ttlMs: 1,
    graceMs: 2,
    loadMs: 3,
    head,
    body,
  };
}

const short = '{"name":"Ada"}';
const memory = new OwnMemory();

describe('an entry in memory of its own', () => {
  it('holds a short body as text, and gives it as it was', () => {
    const own = memory.of(entryOf(Buffer.from(short)));

    expect(own.text).toBe(short);
    expect(own.body).toEqual(Buffer.from(short));
    expect(decodeEntry(encodeEntry(own)!)).toEqual(entryOf(Buffer.from(short)));
  });

  it.each([
    ['not ASCII', Buffer.from('{"name":"Zoë"}')],
    ['no text at all', Buffer.from([0, 200, 255])],
  ])('holds what is %s as bytes, outside the pool that they shared with others', (_, bytes) => {
    expect(bytes.buffer.byteLength).toBeGreaterThan(1000);

    const { body, text } = memory.of(entryOf(bytes));

    expect(text).toBeUndefined();
    expect(body).toEqual(bytes);
    expect(body.buffer.byteLength).toBe(body.length);
  });

  it('leaves alone a long body that has a piece of its own', () => {
    const body = Buffer.alloc(100_000, 'x');

    expect(memory.of(entryOf(body)).body).toBe(body);
  });

  it('keeps apart what differs, however many came before', () => {
    const owned = Array.from({ length: 5000 }, (_, n) => memory.of(entryOf(Buffer.from(`${n}`), `t${n}`)));

    expect(owned.map(({ tokens, text }) => `${tokens.join()} ${text}`)).toEqual(
      owned.map((_, n) => `t${n} ${n}`),
    );
  });
});
