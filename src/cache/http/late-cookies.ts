import { isFastify } from './reply.js';

/** What `@fastify/cookie` adds to a reply. On Express the header is there at once. */
const SETTERS = ['setCookie', 'cookie', 'clearCookie'];

type Methods = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/**
 * Watches cookies of which no header tells before the answer is sent.
 *
 * @param admits  asked for each; `false` keeps it from the answer
 */
export function watchLateCookies(response: object, admits: () => boolean): void {
  if (!isFastify(response)) return;
  const methods = response as unknown as Methods;
  for (const name of SETTERS) {
    const original = methods[name];
    if (typeof original !== 'function') continue;
    methods[name] = (...args) => (admits() ? original.apply(response, args) : response);
  }
}

/**
 * Tells of a cookie that only goes out with the answer, after all that runs before it: what `@fastify/cookie` was given,
 * or what a session middleware of Express writes with the head.
 */
export function onLateCookie(response: object, tell: () => void): void {
  const methods = response as unknown as Methods;
  const isLikely = isFastify(response)
    ? typeof methods.setCookie === 'function'
    : Object.hasOwn(response, 'writeHead');
  const setter = isFastify(response) ? 'header' : 'setHeader';
  const set = methods[setter];
  if (!isLikely || !set) return;
  methods[setter] = (...args) => {
    const returned = set.apply(response, args);
    if (String(args[0]).toLowerCase() === 'set-cookie') tell();
    return returned;
  };
}
