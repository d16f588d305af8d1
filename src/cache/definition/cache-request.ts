/** What the cache reads of a request; Fastify's and Express's both have it. */
export interface CacheRequest {
  readonly method: string;
  readonly url: string;
  readonly originalUrl?: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * A function of the request. It may say that it takes what its own adapter hands out, such as Express's `Request` with a
 * `user`: compared as a method is, both ways, since a {@link CacheRequest} is what the cache itself reads of that.
 */
export type OfRequest<T> = { of(request: CacheRequest): T }['of'];
