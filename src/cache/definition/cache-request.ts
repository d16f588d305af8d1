/** What the cache reads of a request; Fastify's and Express's both have it. */
export interface CacheRequest {
  readonly method: string;
  readonly url: string;
  readonly originalUrl?: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The same as adapters type it, each in its own way. */
type AdapterRequest = Omit<CacheRequest, 'params' | 'query'> & {
  /* oxlint-disable typescript/no-explicit-any -- Fastify's are unknown, Express's may be lists. */
  readonly params: any;
  readonly query: any;
  /* oxlint-enable typescript/no-explicit-any */
};

/**
 * A function of the request. It may say that it takes what its own adapter hands out, such as Express's `Request` with a
 * `user`: compared as a method is, both ways, since an adapter's request is more than the cache itself reads of it.
 */
export type OfRequest<T> = { of(request: AdapterRequest): T }['of'];
