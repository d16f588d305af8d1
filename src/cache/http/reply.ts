export type HeadersByName = Readonly<Record<string, unknown>>;

/** The little that the cache needs of a response, the same on Fastify and Express. */
export interface Reply {
  /** What Nest hands to guards, interceptors and handlers. */
  readonly response: object;
  readonly statusCode: number;
  /** Whether nobody has given it a serialiser of its own or a content type so far: these would change what is sent. */
  readonly isPlain: boolean;
  /** Whether its headers are on their way, so that none can be set any more. */
  readonly isSent: boolean;
  /** Whether its client has gone. */
  readonly isAbandoned: boolean;
  /** A copy. */
  headers(): HeadersByName;
  header(name: string): unknown;
  /** @param name in lower case */
  setHeader(name: string, value: unknown): void;
  /** Sets the content type as `@Header()` does: adapters complete it. */
  setType(type: string): void;
  removeHeader(name: string): void;
  setStatus(status: number): void;
  /** Sends the answer; nothing may be sent after it. */
  end(body: Buffer | string | undefined): void;
  /**
   * The text that the adapter sends for an object, with whatever serialiser the application gave it; `undefined` where
   * JSON has none, and where only the adapter itself can tell.
   *
   * @param type  the answer's `Content-Type`, if `@Header()` will name one
   */
  serialized(value: object, type: string | undefined): string | undefined;
  /** What an interceptor returns for these very bytes to be sent. */
  sendable(body: Buffer): unknown;
}

/** Also of the lists: who adds a cookie adds it to the list that is there. */
export function copied(headers: HeadersByName): HeadersByName {
  const pairs = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? [...(value as unknown[])] : value,
  ]);
  return Object.fromEntries(pairs) as HeadersByName;
}
