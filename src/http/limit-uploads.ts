import type { IncomingMessage } from 'node:http';
import type { onRequestHookHandler } from 'fastify';

/** How much bodies that are still arriving may take together, bytes. */
export const MOST_BYTES = 128 * 1024 * 1024;
/** Bodies that are held until they are complete; others are read as they arrive, or not at all. */
const HELD = /^\s*application\/json/i;

/**
 * Bounds the memory of bodies that are held until they are complete, which is before the sender is authenticated. If those
 * under way could fill it, the oldest are broken off: an honest upload takes a moment.
 *
 * @param bodyLimit  of each, bytes; a body that does not give its length counts as that long
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
        // Now, not when it is closed: until then it would count against others.
        end(oldest);
        oldest.destroy();
      }
    }
    done();
  };
}
