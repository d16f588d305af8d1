/** What the cache reads of a request; Fastify's and Express's both have it. */
export interface CacheRequest {
  readonly method: string;
  readonly url: string;
  readonly originalUrl?: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
