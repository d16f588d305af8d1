import type { Server } from 'node:http';

/**
 * Makes a server answer requests with an unknown expectation (`Expect`) like any others. Node itself would answer 417, without
 * a body, without our header fields, and uncounted.
 *
 * @see RFC 9110 section 10.1.1
 */
export function ignoreExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => {
    server.emit('request', request, response);
  });
}
