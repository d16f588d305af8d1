import type { ServerResponse } from 'node:http';
import { copied, type HeadersByName, type Reply } from './reply.js';

interface ExpressResponse extends ServerResponse {
  set?(name: string, value: string): unknown;
  readonly app?: { get(setting: string): unknown; readonly response?: object };
}

export class ExpressReply implements Reply {
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

  setType(type: string): void {
    this.response.set?.('content-type', type);
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

  /** Nest would write a buffer as JSON here; and Express would weigh dates, by which two answers of one second are one. */
  sendable(body: Buffer): unknown {
    Object.defineProperty(this.response.req, 'fresh', { value: false, configurable: true });
    return body.toString();
  }
}

type Replacer = ((this: unknown, key: string, value: unknown) => unknown) | undefined;

/** As Express writes what a page could take for HTML. */
function escaped(character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`;
}

/** Whether a middleware, or the application for all, shapes what is written as JSON. */
function isJsonReplaced(response: ExpressResponse): boolean {
  const ofApplication = response.app?.response;
  return (
    Object.hasOwn(response, 'json') || (ofApplication !== undefined && Object.hasOwn(ofApplication, 'json'))
  );
}
