import fc from 'fast-check';
import { decodeEntry, encodeEntry } from './cache-entry.js';

const encoded = () => encodeEntry(entry)!;
const formOfEntry: Record<string, unknown> = {
  keyText: expect.any(String),
  shape: expect.any(String),
  tags: expect.any(Array),
  tokens: expect.any(Array),
  ttlMs: expect.any(Number),
  graceMs: expect.any(Number),
  loadMs: expect.any(Number),
  head: expect.any(Object),
};
const entry = {
  keyText: 'p|/x',
  shape: 's1',
  tags: ['epoch', 'tag/course:PROG-101'],
  tokens: ['e', 't'],
  ttlMs: 60_000,
  graceMs: 5_000,
  loadMs: 12,
  head: { etag: '"e1"' },
  body: Buffer.from('{"a":1}'),
};

describe('a stored entry', () => {
  it('comes back as it was', () => {
    expect(decodeEntry(encoded())).toEqual(entry);
  });

  it('keeps its format: what an older process stored is still read', () => {
    const stored = Buffer.from(
      '414e4332000000927b226b657954657874223a22707c2f78222c227368617065223a227331222c22746f6b656e73223a7b2265706f6368223a2265222c227461672f636f757273653a50524f472d313031223a2274227d2c2274746c4d73223a36303030302c2267726163654d73223a353030302c226c6f61644d73223a31322c2268656164223a7b2265746167223a225c2265315c22227d7d7b2261223a317d',
      'hex',
    );

    expect(decodeEntry(stored)).toEqual(entry);
  });

  it('is a miss where another program wrote another format', () => {
    expect(decodeEntry(Buffer.concat([Buffer.from('ANC1'), encoded().subarray(4)]))).toBeUndefined();
  });

  it('is a miss, never an error, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (bytes) => decodeEntry(Buffer.from(bytes)) === undefined,
      ),
      { numRuns: 5000 },
    );
  });

  it('is a miss, never an error, whatever comes after its first bytes', () => {
    const magic = Buffer.from('ANC2');
    const withLength = (header: Buffer, body: Uint8Array) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(header.length);
      return Buffer.concat([magic, length, header, body]);
    };
    const bytes = fc.uint8Array({ maxLength: 200 });
    const damagedHeader = fc
      .tuple(fc.dictionary(fc.constantFrom(...Object.keys(entry), 'other'), fc.jsonValue()), bytes)
      .map(([fields, body]) => withLength(Buffer.from(JSON.stringify(fields)), body));
    const hostile = fc.oneof(
      bytes.map((rest) => Buffer.concat([magic, rest])),
      fc.tuple(bytes, bytes).map(([header, body]) => withLength(Buffer.from(header), body)),
      fc.tuple(fc.json(), bytes).map(([header, body]) => withLength(Buffer.from(header), body)),
      damagedHeader,
    );
    fc.assert(
      fc.property(hostile, (written) => decodeEntry(written) === undefined),
      { numRuns: 10_000 },
    );
  });

  it('is a miss, or as it was, when any byte of its header is another', () => {
    const bytes = encoded();
    const headerEnd = bytes.length - entry.body.length;
    fc.assert(
      fc.property(fc.nat(headerEnd - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = damaged[at]! ^ change;
        const read = decodeEntry(damaged);
        // What it is about and what it depends on are judged by whoever asks: it must only have the form.
        if (read) expect({ ...read, body: null }).toEqual({ ...formOfEntry, body: null });
      }),
      { numRuns: 5000 },
    );
  });

  it.each(['a\r\nset-cookie: b', 'Ā', '\u007f'])(
    'is a miss where its head says what no header may: %j',
    (etag) => {
      expect(decodeEntry(encodeEntry({ ...entry, head: { etag } })!)).toBeUndefined();
    },
  );

  it('is a miss when any part of it is cut off or damaged in the header', () => {
    const bytes = encoded();
    const headerEnd = bytes.length - entry.body.length;

    for (let length = 0; length < headerEnd; length++) {
      expect(decodeEntry(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  it('comes back also with two thousand tags, and is not stored with so many that it would not', () => {
    const tagged = (count: number) => ({
      ...entry,
      tags: Array.from({ length: count }, (_, n) => `tag/course:"${n}"[{`),
      tokens: Array.from({ length: count }, () => 't'.repeat(90)),
    });

    expect(decodeEntry(encodeEntry(tagged(2000))!)).toEqual(tagged(2000));
    expect(encodeEntry(tagged(4000))).toBeUndefined();
  });

  it.each([
    ['lists in lists', '['.repeat(100_000)],
    ['objects in objects', '{"a":'.repeat(40_000)],
  ])('is a miss before it is parsed when its header is %s', (_, text) => {
    const parse = jest.spyOn(JSON, 'parse');
    const preamble = Buffer.from('ANC2....');
    preamble.writeUInt32BE(text.length, 4);

    expect(decodeEntry(Buffer.concat([preamble, Buffer.from(text)]))).toBeUndefined();
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });
});
