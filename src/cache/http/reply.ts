import type { ServerResponse } from 'node:http';

export type HeadersByName = Readonly<Record<string, unknown>>;

/** The little that the cache needs of a response, the same on Fastify and Express. */
export interface Reply {
  /** What Nest hands to guards, interceptors and handlers. */
  readonly response: object;
  readonly statusCode: number;
  /** Whether nothing has been set yet, for this one, that will shape an answer or name its type. */
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
  removeHeader(name: string): void;
  setStatus(status: number): void;
  /** Sends the answer; nothing may be sent after it. */
  end(body: Buffer | string | undefined): void;
  /**
   * The text that the adapter sends for an object, with whatever serialiser the application gave it; `undefined` where
   * JSON has none, and where only the adapter itself can tell.
   */
  serialized(value: object): string | undefined;
  /** What an interceptor returns for these very bytes to be sent. */
  sendable(body: Buffer): unknown;
}

export interface FastifyResponse {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  readonly request: { readonly raw: ServerResponse['req'] };
  readonly log: unknown;
  getHeaders(): Record<string, unknown>;
  getHeader(name: string): unknown;
  header(name: string, value: unknown): unknown;
  removeHeader(name: string): unknown;
  status(code: number): unknown;
  send(body?: Buffer | string): unknown;
  serialize(value: object): string | undefined;
  getSerializationFunction(status: number | string): unknown;
  readonly [internal: symbol]: unknown;
}

interface ExpressResponse extends ServerResponse {
  readonly app?: { get(setting: string): unknown; readonly response?: object };
}

/** @param response what Nest hands to guards and interceptors */
export function replyOf(response: object): Reply {
  return isFastify(response) ? new FastifyReply(response) : new ExpressReply(response as ServerResponse);
}

export function isFastify(response: object): response is FastifyResponse {
  return 'raw' in response && 'header' in response;
}

class FastifyReply implements Reply {
  constructor(readonly response: FastifyResponse) {}

  get statusCode(): number {
    return this.response.statusCode;
  }

  get isPlain(): boolean {
    const { response } = this;
    const hasSerializer = Boolean(response[serializerKey(response)]);
    return !hasSerializer && response.getHeader('content-type') === undefined;
  }

  get isSent(): boolean {
    return this.response.raw.headersSent;
  }

  get isAbandoned(): boolean {
    return this.response.raw.destroyed;
  }

  headers(): HeadersByName {
    return copied(this.response.getHeaders());
  }

  header(name: string): unknown {
    return this.response.getHeader(name);
  }

  setHeader(name: string, value: unknown): void {
    this.response.header(name, value);
  }

  removeHeader(name: string): void {
    this.response.removeHeader(name);
  }

  setStatus(status: number): void {
    this.response.status(status);
  }

  end(body: Buffer | string | undefined): void {
    this.response.send(body);
  }

  serialized(value: object): string | undefined {
    const { response } = this;
    const hasTypedSchemas = [200, '2xx'].some(
      (status) => typeof response.getSerializationFunction(status) === 'object',
    );
    return hasTypedSchemas || isShapedBeforeSerialization(response) ? undefined : response.serialize(value);
  }

  sendable(body: Buffer): unknown {
    return body;
  }
}

/** Also of the lists: who adds a cookie adds it to the list that is there. */
export function copied(headers: HeadersByName): HeadersByName {
  const pairs = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? [...(value as unknown[])] : value,
  ]);
  return Object.fromEntries(pairs) as HeadersByName;
}

/** Whether `preSerialization` hooks have a say. Fastify tells nobody in public. */
function isShapedBeforeSerialization({ request }: FastifyResponse): boolean {
  const key = Object.getOwnPropertySymbols(request).find(
    ({ description }) => description === 'fastify.context',
  );
  const context = key && (request as Record<symbol, { preSerialization?: unknown } | undefined>)[key];
  return Boolean(context?.preSerialization);
}

const serializerKeys = new WeakMap<object, symbol>();
const NO_SERIALIZER = Symbol('no serializer');

/** Where replies of this kind hold a serialiser of their own. Fastify tells nobody in public. */
function serializerKey(response: FastifyResponse): symbol {
  const known = serializerKeys.get(response.constructor);
  if (known) return known;
  const keys = Object.getOwnPropertySymbols(response);
  const key = keys.find(({ description }) => description === 'fastify.reply.serializer') ?? NO_SERIALIZER;
  serializerKeys.set(response.constructor, key);
  return key;
}

/** Whether a middleware, or the application for all, shapes what is written as JSON. */
function isJsonReplaced(response: ExpressResponse): boolean {
  const ofApplication = response.app?.response;
  return (
    Object.hasOwn(response, 'json') || (ofApplication !== undefined && Object.hasOwn(ofApplication, 'json'))
  );
}

class ExpressReply implements Reply {
  constructor(readonly response: ExpressResponse) {}

  get statusCode(): number {
    return this.response.statusCode;
  }

  get isPlain(): boolean {
    return !isJsonReplaced(this.response) && this.response.getHeader('content-type') === undefined;
  }

  get isSent(): boolean {
    return this.response.headersSent;
  }

  get isAbandoned(): boolean {
    return this.response.destroyed;
  }

  headers(): HeadersByName {
    return copied(this.response.getHeaders());
  }

  header(name: string): unknown {
    return this.response.getHeader(name);
  }

  setHeader(name: string, value: unknown): void {
    this.response.setHeader(name, value as string);
  }

  removeHeader(name: string): void {
    this.response.removeHeader(name);
  }

  setStatus(status: number): void {
    this.response.statusCode = status;
  }

  end(body: Buffer | string | undefined): void {
    if (body !== undefined) this.response.setHeader('content-length', Buffer.byteLength(body));
    this.response.end(body);
  }

  serialized(value: object): string | undefined {
    const { app } = this.response;
    if (isJsonReplaced(this.response)) return undefined;
    const text = JSON.stringify(
      value,
      app?.get('json replacer') as Replacer,
      app?.get('json spaces') as string | number | undefined,
    ) as string | undefined;
    return app?.get('json escape') ? text?.replace(/[<>&]/g, escaped) : text;
  }

  /** Nest would write a buffer as JSON here. */
  sendable(body: Buffer): unknown {
    return body.toString();
  }
}

type Replacer = ((this: unknown, key: string, value: unknown) => unknown) | undefined;

/** As Express writes what a page could take for HTML. */
function escaped(character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`;
}
