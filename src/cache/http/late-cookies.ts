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
