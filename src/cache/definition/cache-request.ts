/** What the cache reads of a request, of Fastify or Express. */
export interface CacheRequest {
  readonly method: string;
  readonly url: string;
  readonly originalUrl?: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The same with types that fit every adapter, and with what guards put on it, which is of the application's own types. */
type AdapterRequest = Omit<CacheRequest, 'params' | 'query'> & {
  /* oxlint-disable typescript/no-explicit-any -- Fastify's are unknown, Express's may be lists. */
  readonly params: any;
  readonly query: any;
  readonly user?: any;
  readonly principal?: any;
  readonly tenant?: any;
  /* oxlint-enable typescript/no-explicit-any */
};

/**
 * A function of the request. It may declare the request of its own adapter, such as Express's `Request` with a `user`, which
 * is more than the cache itself reads, or only the `user` that it reads: so it is typed as a method, whose parameters are
 * compared both ways.
 */
export type OfRequest<T> = { of(request: AdapterRequest): T }['of'];
