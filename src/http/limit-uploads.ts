import type { IncomingMessage } from 'node:http';
import type { onRequestHookHandler } from 'fastify';

/** What bodies may take together while they are still coming, bytes. */
const MOST_BYTES = 128 * 1024 * 1024;
/** Others are not held, but read as they come, or not at all. */
const HELD = /^\s*application\/json/i;

/**
 * Bounds the memory of bodies that are held until all of them is there, which is before anybody asks who sends them. When
 * as many are under way as could fill it, the one that has been for longest is broken off: an honest one takes a moment.
 *
 * @param bodyLimit  of each, bytes
 */
export function limitUploads(bodyLimit: number): onRequestHookHandler {
  const most = mostUploads(bodyLimit);
  const underWay = new Set<IncomingMessage>();
  return ({ raw, headers }, _reply, done) => {
    if (HELD.test(headers['content-type'] ?? '') && !raw.complete) {
      const onEnd = () => underWay.delete(raw);
      underWay.add(raw);
      raw.once('end', onEnd).once('close', onEnd);
      const [oldest] = underWay;
      if (underWay.size > most) oldest?.destroy();
    }
    done();
  };
}

/** How many are received at a time. */
export function mostUploads(bodyLimit: number): number {
  return Math.max(16, Math.floor(MOST_BYTES / bodyLimit));
}
