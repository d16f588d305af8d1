import type { ServerResponse } from 'node:http';
import { copied, type HeadersByName, type Reply } from './reply.js';

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
    // The first that is there decides, as in Fastify itself; where it goes by content types, it is no function.
    const schema = [200, '2xx', 'default']
      .map((status) => response.getSerializationFunction(status))
      .find((found) => found !== undefined);
    const hasTypedSchema = typeof schema === 'object';
    return hasTypedSchema || isShapedBeforeSerialization(response) ? undefined : response.serialize(value);
  }

  sendable(body: Buffer): unknown {
    return body;
  }
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
