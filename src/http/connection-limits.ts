import type { Socket } from 'node:net';
import type { onRequestHookHandler } from 'fastify';

/** How long a connection may be silent, ms: the server's `timeout`. A client that reads nothing is noticed after twice that. */
export const SILENT_MS = 15_000;
/** Limits of every server of this process. */
export const serverLimits = {
  headersTimeout: 10_000,
  // How often Node looks for late requests, and so how exact the limits are.
  connectionsCheckingInterval: 2000,
  // A missing one is refused by `refuseProtocol`, with a problem.
  requireHostHeader: false,
  maxHeaderSize: 16 * 1024,
  // Else Node would take the first of two headers of a name, where a proxy before us may take the second.
  joinDuplicateHeaders: true,
};

/** How many requests of a connection may be unanswered: a client that waits for each answer has one. */
export const MAX_UNANSWERED = 10;

const unanswered = new WeakMap<Socket, number>();

/**
 * Bounds the memory that unread answers to one client take: closes its connection when too many of its requests are
 * unanswered ({@link MAX_UNANSWERED}), or it has read nothing of an answer for {@link SILENT_MS}, noticed within twice that.
 * A client that reads slowly still gets its answer, and a handler may take its time.
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
  // With a listener Node itself does not close the connection; it would do so while an answer is still being made.
  response.on('timeout', () => {
    if (socket.writableLength > 0) socket.destroy();
  });
  done();
};
