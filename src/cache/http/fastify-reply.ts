import type { ServerResponse } from 'node:http';
import { copied, type HeadersByName, type Reply } from './reply.js';

export interface FastifyResponse {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  readonly sent: boolean;
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

export function isFastify(response: object): response is FastifyResponse {
  return 'raw' in response && 'header' in response;
}

export class FastifyReply implements Reply {
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
    // Also what was taken out of Fastify's hands, to be sent later.
    return this.response.sent || this.response.raw.headersSent;
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

  setType(type: string): void {
    this.response.header('content-type', type);
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

  serialized(value: object, type = 'application/json'): string | undefined {
    const { response } = this;
    // Of an object under a type that is not JSON's, and without a serialiser of the reply's own, Fastify makes a failure.
    if (!isJsonType(type) && !response[serializerKey(response)]) return undefined;
    // The first that is there decides, as in Fastify itself; where it goes by content types, it is no function.
    const schema = [200, '2xx', 'default']
      .map((status) => response.getSerializationFunction(status))
      .find((found) => found !== undefined);
    const hasTypedSchema = typeof schema === 'object';
    return hasTypedSchema || hasHooks(response, 'preSerialization') ? undefined : response.serialize(value);
  }

  sendable(body: Buffer): unknown {
    return body;
  }
}

/** Tells of every call of `send`: until the `onSend` hooks are done with it, Fastify itself does not say that there was one. */
export function watchSend(response: FastifyResponse, tell: () => void): void {
  const send = response.send.bind(response);
  response.send = (body) => {
    tell();
    return send(body);
  };
}

/** As Fastify tells it. */
function isJsonType(type: string): boolean {
  return /^[^;]*json/i.test(type);
}

/** Whether hooks of this kind have a say. Fastify tells nobody in public. */
export function hasHooks(
  { request }: Pick<FastifyResponse, 'request'>,
  kind: 'preSerialization' | 'onSend',
): boolean {
  const context = (request as Hidden)[contextKey(request)] as
    | Partial<Record<typeof kind, unknown>>
    | undefined;
  return Boolean(context?.[kind]);
}

type Hidden = Readonly<Record<symbol, unknown>>;

const contextKey = hiddenKey('fastify.context');
/** Where replies hold a serialiser of their own. */
const serializerKey = hiddenKey('fastify.reply.serializer');

/** Finds what Fastify hides in objects of its own: under the same key in all of one class. */
function hiddenKey(description: string): (holder: object) => symbol {
  const keys = new WeakMap<object, symbol>();
  const nothing = Symbol(`no ${description}`);
  return (holder) => {
    const known = keys.get(holder.constructor);
    if (known) return known;
    const key = Object.getOwnPropertySymbols(holder).find((symbol) => symbol.description === description);
    keys.set(holder.constructor, key ?? nothing);
    return key ?? nothing;
  };
}
