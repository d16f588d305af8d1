import type { IncomingMessage } from 'node:http';
import type { onRequestHookHandler } from 'fastify';

/** What bodies may take together while they are still coming, bytes. */
export const MOST_BYTES = 128 * 1024 * 1024;
/** Others are not held, but read as they come, or not at all. */
const HELD = /^\s*application\/json/i;

/**
 * Bounds the memory of bodies that are held until all of them is there, which is before anybody asks who sends them. When
 * those under way could fill it, the ones that have been for longest are broken off: an honest one takes a moment.
 *
 * @param bodyLimit  of each, bytes; what does not say how long it is may take all of that
 */
export function limitUploads(bodyLimit: number): onRequestHookHandler {
  const underWay = new Map<IncomingMessage, number>();
  let bytes = 0;
  const end = (raw: IncomingMessage) => {
    bytes -= underWay.get(raw) ?? 0;
    underWay.delete(raw);
  };
  return ({ raw, headers }, _reply, done) => {
    const isRead = raw.method !== 'GET' && raw.method !== 'HEAD';
    if (isRead && HELD.test(headers['content-type'] ?? '')) {
      const mostBytes = Math.min(Number(headers['content-length'] ?? bodyLimit), bodyLimit);
      underWay.set(raw, mostBytes);
      bytes += mostBytes;
      const onEnd = () => {
        end(raw);
      };
      raw.once('end', onEnd).once('close', onEnd);
      for (const oldest of underWay.keys()) {
        if (bytes <= MOST_BYTES) break;
        // Not when it is closed: till then others would count it, too.
        end(oldest);
        oldest.destroy();
      }
    }
    done();
  };
}
