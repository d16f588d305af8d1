import type { onRequestHookHandler } from 'fastify';
import type { EventLoop } from '../telemetry/event-loop.js';
import { isOperational } from './operational.js';
import { Problem } from './problem.js';

/**
 * Refuses with 503 all requests that come while the process does not keep up, before anything else is done for them, so that
 * they do not pile up.
 */
export function refuseWhileBehind(eventLoop: EventLoop): onRequestHookHandler {
  return (request, _reply, done) => {
    if (!eventLoop.isBehind || isOperational(request)) done();
    else done(new Problem('overloaded', 'The service cannot keep up.', { cause: 'event-loop' }));
  };
}
