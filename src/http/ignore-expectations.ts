import type { Server } from 'node:http';

/**
 * Has a server answer requests that expect what nobody knows (`Expect`) like any other. Node itself would say 417, with no
 * body, no field of ours and no problem that is counted.
 *
 * @see RFC 9110 section 10.1.1
 */
export function ignoreExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => {
    server.emit('request', request, response);
  });
}
