import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { streamBody } from './ndjson-body.js';

const coded = (code: string) => Object.assign(new Error(code), { code });
const posted = (raw: Readable, encoding = 'identity') => ({
  headers: { 'content-type': 'application/x-ndjson', 'content-encoding': encoding },
  raw,
});

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk.toString();
  return text;
}

describe('a body that is read as it comes', () => {
  it.each([
    ['as it is', 'identity', Buffer.from('{}\n')],
    ['as gzip', 'gzip', gzipSync('{}\n')],
  ])('is handed over, sent %s', async (_, encoding, bytes) => {
    await expect(streamBody(posted(Readable.from([bytes]), encoding), 100, textOf)).resolves.toBe('{}\n');
  });

  it.each(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'])(
    'cannot be read when it breaks off (%s)',
    async (code) => {
      const raw = new Readable({ read: () => undefined });
      raw.push('{}\n');
      const reading = streamBody(posted(raw), 100, textOf);
      raw.destroy(coded(code));

      await expect(reading).rejects.toMatchObject({ code: 'bad_request' });
    },
  );

  it.each(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'Z_DATA_ERROR'])(
    'is not what failed when its reader does (%s)',
    async (code) => {
      const lost = coded(code);
      const read = async (chunks: AsyncIterable<Buffer>) => {
        for await (const _ of chunks) throw lost;
      };

      await expect(streamBody(posted(Readable.from([Buffer.from('{}\n')])), 100, read)).rejects.toBe(lost);
    },
  );
});
