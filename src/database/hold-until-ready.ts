import type { INestApplication } from '@nestjs/common';
import type { onRequestHookHandler } from 'fastify';
import { Problem } from '../http/problem.js';
import { DatabaseConnection } from './database-connection.js';

/** Paths that need no database: the front page, the probes, the metrics, the API's description, the detailed health. */
const needsNoDatabase =
  /^\/(health|metrics|api\/v3\/(openapi\.json|system\/health))?([/?]|$)|^\/api\/v3\/docs/;

/** Answers 503 until the schema is in place, so that no request meets an unfinished database. */
export function holdUntilReady(app: INestApplication): onRequestHookHandler {
  const database = app.get(DatabaseConnection, { strict: false });
  return (request, _reply, done) => {
    if (database.isReady || request.is404 || needsNoDatabase.test(request.url)) done();
    else done(new Problem('database_unavailable', 'The service is starting: its database is not ready yet.'));
  };
}
