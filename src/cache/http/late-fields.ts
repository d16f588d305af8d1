import { hasHooks, isFastify } from './fastify-reply.js';
import { replyOf } from './reply-of.js';
import type { Reply } from './reply.js';

/** What `@fastify/cookie` adds to a reply, and its trailers. On Express the header is there at once, and a trailer never sent. */
const SETTERS = ['setCookie', 'cookie', 'clearCookie', 'trailer'];

type Methods = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/**
 * Watches for fields that do not show among the headers before the answer is sent.
 *
 * @param admits  asked about each; `false` keeps it from the answer
 */
export function watchLateFields(response: object, admits: () => boolean): void {
  if (!isFastify(response)) return;
  const methods = response as unknown as Methods;
  for (const name of SETTERS) {
    const original = methods[name];
    if (typeof original !== 'function') continue;
    methods[name] = (...args) => (admits() ? original.apply(response, args) : response);
  }
}

const watched = new WeakSet<object>();

/**
 * Watches for a cookie that is only set as the answer is sent: by an `onSend` hook of Fastify, such as that of
 * `@fastify/cookie`, or by a session middleware of Express when the head or the end is written. One that is handed to
 * `writeHead` itself is not noticed. A response on which nothing can come late is left as it is, and as fast.
 *
 * @param tell  called with each object that may hold the answer's headers by then: they may already have been copied from
 *              Fastify's reply to its raw response. If the response is watched already, only the first `tell` is called
 */
export function onLateCookie(reply: Reply, tell: (holder: Reply) => void): void {
  const { response } = reply;
  const raw = isFastify(response) ? response.raw : response;
  const isLikely =
    Object.hasOwn(raw, 'writeHead') ||
    Object.hasOwn(raw, 'end') ||
    (isFastify(response) && hasHooks(response, 'onSend'));
  if (!isLikely || watched.has(response)) return;
  watched.add(response);
  const holders = raw === response ? [reply] : [reply, replyOf(raw)];
  for (const holder of holders) {
    onCookie(holder.response, () => {
      holders.forEach(tell);
    });
  }
}

function onCookie(response: object, tell: () => void): void {
  const methods = response as Methods;
  for (const name of isFastify(response) ? ['header'] : ['setHeader', 'appendHeader']) {
    const set = methods[name];
    methods[name] = (...args) => {
      const returned = set?.apply(response, args);
      if (String(args[0]).toLowerCase() === 'set-cookie') tell();
      return returned;
    };
  }
}
