import { ServerResponse } from 'node:http';
import { isFastify, type FastifyResponse } from './fastify-reply.js';
import type { HeadersByName } from './reply.js';

/*
 * A run may outlast the answer to its request: a stale one was given in its place, or it only refreshes. What it then
 * does to the response must neither reach the client nor fail (on Express a late header throws), and still has to be
 * known, for its headers may have to be stored. Nest has handed the response out already, so it cannot be exchanged;
 * its methods are, and send whoever calls from inside the run to a stand-in that nobody reads.
 */

const CHANGING = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;
const OTHERS = [
  'getHeader',
  'getHeaders',
  'getHeaderNames',
  'hasHeader',
  'writeHead',
  'write',
  'end',
  'flushHeaders',
  'writeContinue',
  'writeEarlyHints',
  'writeProcessing',
  'destroy',
] as const;
const FASTIFY = [
  'header',
  'headers',
  'getHeader',
  'getHeaders',
  'hasHeader',
  'removeHeader',
  'type',
  'serializer',
  'code',
  'status',
  'send',
  'redirect',
  'hasTrailer',
  'removeTrailer',
  'writeEarlyHints',
  'callNotFound',
  'hijack',
] as const;

type Methods = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/**
 * From now on, whoever `isInside` speaks to a stand-in instead of `response`.
 *
 * @param headers  that the stand-in starts with
 * @returns the stand-in, of the same kind as `response`
 */
export function divert(response: object, headers: HeadersByName, isInside: () => boolean): object {
  return isFastify(response)
    ? divertFastify(response, headers, isInside)
    : divertRaw(response as ServerResponse, headers, isInside);
}

function divertRaw(raw: ServerResponse, headers: HeadersByName, isInside: () => boolean): ServerResponse {
  const standIn = new ServerResponse(raw.req);
  for (const [name, value] of Object.entries(headers)) standIn.setHeader(name, value as string);
  standIn.statusCode = raw.headersSent ? 200 : raw.statusCode;
  // A late header can do nothing but throw, also where the run lost its context on the way.
  redirectMethods(raw, standIn, CHANGING, () => isInside() || isSent(raw));
  redirectMethods(raw, standIn, OTHERS, isInside);
  redirectState(raw, standIn, isInside);
  return standIn;
}

function divertFastify(
  reply: FastifyResponse,
  headers: HeadersByName,
  isInside: () => boolean,
): FastifyResponse {
  const raw = divertRaw(reply.raw, {}, isInside);
  const { constructor } = reply as unknown as {
    constructor: new (...args: unknown[]) => FastifyResponse;
  };
  const standIn = new constructor(raw, reply.request, reply.log);
  for (const [name, value] of Object.entries(headers)) standIn.header(name, value);
  standIn.send = () => {
    raw.end();
    return standIn;
  };
  redirectMethods(reply, standIn, FASTIFY, isInside);
  return standIn;
}

function redirectMethods(
  from: object,
  to: object,
  names: readonly string[],
  isRedirected: () => boolean,
): void {
  for (const name of names) {
    const original = (from as Methods)[name];
    if (!original) continue;
    (from as Methods)[name] = (...args) =>
      isRedirected() ? (to as Methods)[name]?.(...args) : original.apply(from, args);
  }
}

function redirectState(raw: ServerResponse, standIn: ServerResponse, isInside: () => boolean): void {
  let { statusCode } = raw;
  Object.defineProperties(raw, {
    statusCode: {
      configurable: true,
      get: () => (isInside() ? standIn.statusCode : statusCode),
      set: (code: number) => {
        if (isInside()) standIn.statusCode = code;
        else statusCode = code;
      },
    },
    headersSent: {
      configurable: true,
      get: () => !isInside() && isSent(raw),
    },
  });
}

function isSent(raw: ServerResponse): boolean {
  return Reflect.get(Object.getPrototypeOf(raw) as ServerResponse, 'headersSent', raw);
}
