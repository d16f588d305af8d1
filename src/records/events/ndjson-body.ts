import type { IncomingHttpHeaders } from 'node:http';
import { finished, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../../http/problem.js';

export const ndjson = 'application/x-ndjson';

/** As the router wants it: a colon that starts no parameter is doubled. */
export const batchRoute = 'events::batch';

interface StreamedRequest {
  headers: IncomingHttpHeaders;
  raw: Readable;
}

/** Leaves the body of a batch unread, so that its route can stream it. Other routes do not take this type, if there are any. */
export function acceptNdjson(fastify: FastifyInstance): void {
  if (fastify.hasContentTypeParser(ndjson)) return;
  fastify.addContentTypeParser(ndjson, (request, _payload, done) => {
    if (request.is404 || request.routeOptions.url?.endsWith(batchRoute)) done(null);
    else done(new Problem('unsupported_media_type', 'Send application/json here.'));
  });
}

/**
 * Runs `read` over the body, inflated if it is gzip, chunk by chunk and no faster than `read` takes them.
 *
 * @param maxBytes  most bytes, both as sent and inflated
 * @throws {Problem} `unsupported_media_type`, `payload_too_large`, `bad_request`, or what `read` throws
 */
export async function streamBody<T>(
  request: StreamedRequest,
  maxBytes: number,
  read: (chunks: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== ndjson) throw new Problem('unsupported_media_type', `Send the lines as ${ndjson}.`);
  const isGzip = encodingOf(request) === 'gzip';
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);

  // Breaking off must not close the connection: the answer still has to go out on it.
  const source = Readable.from(atMost(request.raw.iterator({ destroyOnReturn: false }), maxBytes));
  try {
    return await read(withOwnFaults(isGzip ? atMost(inflate(source), maxBytes) : source));
  } finally {
    // What is left of it is thrown away as it comes, as soon as nobody else takes it: a listener would hold it back.
    finished(source, () => request.raw.resume());
    source.destroy();
  }
}

function encodingOf({ headers }: StreamedRequest): 'identity' | 'gzip' {
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === 'gzip') return encoding;
  throw new Problem('unsupported_media_type', 'The body may be sent as it is, or as gzip.');
}

function inflate(source: Readable): AsyncIterable<Buffer> {
  // Whatever fails reaches the reader through the last stream.
  return pipeline(source, createGunzip(), () => undefined);
}

/** Not around the reader: it may lose a connection of its own, as to a database, and that has the same codes. */
async function* withOwnFaults(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    throw isUnreadable(error) ? new Problem('bad_request', 'The body broke off, or is no gzip.') : error;
  }
}

async function* atMost(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('payload_too_large', `A batch holds at most ${maxBytes} bytes, inflated.`);
}

const unreadable = /^(Z_|ECONNRESET|ERR_STREAM_PREMATURE_CLOSE)/;

function isUnreadable(error: unknown): boolean {
  return unreadable.test((error as NodeJS.ErrnoException | null)?.code ?? '');
}
