import { hasHooks, isFastify } from './fastify-reply.js';
import { replyOf } from './reply-of.js';
import type { Reply } from './reply.js';

/** What `@fastify/cookie` adds to a reply, and its trailers. On Express the header is there at once, and a trailer never sent. */
const SETTERS = ['setCookie', 'cookie', 'clearCookie', 'trailer'];

type Methods = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/**
 * Watches fields of which no header tells before the answer is sent.
 *
 * @param admits  asked for each; `false` keeps it from the answer
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

/** Responses of which somebody is told. */
const heard = new WeakSet<object>();

/**
 * Tells of a cookie that only goes out with the answer, after all that runs before it: what an `onSend` hook of Fastify
 * sets, `@fastify/cookie` and all, or what a session middleware of Express sets once the head or the end is written. One
 * that is handed to `writeHead` itself is not heard of. Where nothing can come late the response is left as fast as it is.
 *
 * @param tell  of a response that has been heard of before, the first one is told. It is called with all that may hold
 *              headers of the answer by then: whoever writes the head may have brought those of Fastify to its raw response
 */
export function onLateCookie(reply: Reply, tell: (holder: Reply) => void): void {
  const { response } = reply;
  const raw = isFastify(response) ? response.raw : response;
  const isLikely =
    Object.hasOwn(raw, 'writeHead') ||
    Object.hasOwn(raw, 'end') ||
    (isFastify(response) && hasHooks(response, 'onSend'));
  if (!isLikely || heard.has(response)) return;
  heard.add(response);
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
