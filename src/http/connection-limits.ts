import type { Socket } from 'node:net';
import type { onRequestHookHandler } from 'fastify';

/** How long a connection may be silent, ms: the server's `timeout`, which notices only at its second end that nothing is read. */
export const SILENT_MS = 15_000;
/** What every server of this process lets a client take its time for, and does with what is no request. */
export const serverLimits = {
  headersTimeout: 10_000,
  // How often Node looks for requests that are late: the limits hold to within that.
  connectionsCheckingInterval: 2000,
  // Refused by ourselves, with a problem.
  requireHostHeader: false,
  maxHeaderSize: 16 * 1024,
  // Else Node would take the first of two, and a proxy before us perhaps the second.
  joinDuplicateHeaders: true,
};

/** Requests of a connection that are not answered yet: who waits for answers has one. */
export const MAX_UNANSWERED = 10;

const unanswered = new WeakMap<Socket, number>();

/**
 * Bounds what the answers to one client take of our memory until it reads them: closes its connection when it has asked
 * too many things at a time ({@link MAX_UNANSWERED}), or has read nothing of an answer for {@link SILENT_MS}, within twice
 * that. However slowly it reads, it gets its answer, and a handler may take its time.
 */
export const limitConnection: onRequestHookHandler = ({ raw: { socket } }, { raw: response }, done) => {
  const count = (unanswered.get(socket) ?? 0) + 1;
  if (count > MAX_UNANSWERED) {
    socket.destroy();
    return;
  }
  unanswered.set(socket, count);
  response.on('close', () => {
    unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1);
  });
  // Whoever listens decides: Node would close it also while an answer is being made.
  response.on('timeout', () => {
    if (socket.writableLength > 0) socket.destroy();
  });
  done();
};
