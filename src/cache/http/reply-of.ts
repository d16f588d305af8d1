import type { ServerResponse } from 'node:http';
import { ExpressReply } from './express-reply.js';
import { FastifyReply, isFastify } from './fastify-reply.js';
import type { Reply } from './reply.js';

/** @param response what Nest hands to guards and interceptors */
export function replyOf(response: object): Reply {
  return isFastify(response) ? new FastifyReply(response) : new ExpressReply(response as ServerResponse);
}
