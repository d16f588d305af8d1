import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AnsweredProblems } from './answered-problems.js';
import { serverLimits, SILENT_MS } from './connection-limits.js';
import { ignoreExpectations } from './ignore-expectations.js';
import { isOperational } from './operational.js';
import { Problem } from './problem.js';
import { originForm } from './refuse-head.js';
import { refuseUnreadable } from './refuse-unreadable.js';
import { requestIdOf } from './request-id.js';
import { securityHeaders, type SecurityHeaders } from './security-headers.js';
import { bodyOf, pathOf } from './send-problem.js';

/** Probes and scrapers are few. */
const MAX_CONNECTIONS = 100;
/** Probes have no body. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Serves what operators and orchestrators ask on a port of its own, too. On the port of the service a probe that connects
 * waits behind all clients that do, since Node accepts one connection of a port in each turn of its loop; and when
 * `MAX_CONNECTIONS` are open it gets none. All other paths are 404 there. The port stays open until the process ends, so that
 * probes can see it stop.
 *
 * @param app  already listens
 * @throws {Error} as `listen` does, with `setting`: the variable that names the port
 */
export async function listenForProbes(
  app: NestFastifyApplication,
  port: number,
  host: string,
): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const { data: headers } = await securityHeaders();
  const answered = app.get(AnsweredProblems);
  const server = createServer(
    { ...serverLimits, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      const url = originForm(request.url ?? '/');
      if (isOperational({ url })) fastify.routing(request, response);
      else {
        answered.add('not_found');
        refuse(request, response, url, headers);
      }
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  ignoreExpectations(server);
  server.setTimeout(SILENT_MS).on('clientError', refuseUnreadable(headers, answered));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(Object.assign(error, { setting: 'HEALTH_PORT' }));
    });
    server.listen(port, host, resolve);
  });
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
  headers: SecurityHeaders['data'],
): void {
  const id = requestIdOf(request);
  const problem = new Problem('not_found', 'Only /health and /metrics are served on this port.');
  response.writeHead(problem.getStatus(), {
    ...headers,
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-request-id': id,
    // The rest of the request is not read.
    connection: 'close',
  });
  response.end(JSON.stringify(bodyOf(problem, pathOf({ url }), id)));
}
