import { gzipSync } from 'node:zlib';
import type { Answer } from '../support/openapi.js';
import { PlainClient } from '../support/plain-client.js';
import type { FuzzRequest } from './request-arbitrary.js';

/** Sends made-up requests with the token of their caller. */
export class Sender {
  readonly #client: PlainClient;

  constructor(
    baseUrl: string,
    /** By caller; one without a token is nobody. */
    private readonly tokens: Readonly<Record<string, string | undefined>>,
  ) {
    this.#client = new PlainClient(baseUrl);
  }

  /** @throws {Error} if there is no answer */
  send(request: FuzzRequest): Promise<Answer> {
    const token = this.tokens[request.caller];
    return this.#client.send({
      method: request.operation.method,
      path: targetOf(request),
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...request.headers },
      body: request.headers['Content-Encoding'] === 'gzip' ? gzipSync(request.body ?? '') : request.body,
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** Path and query as they are sent. */
export function targetOf({ operation, path, query }: FuzzRequest): string {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(path[name] ?? ''),
  );
  const parameters = query.map((pair) => pair.map(encodeURIComponent).join('='));
  return parameters.length === 0 ? filled : `${filled}?${parameters.join('&')}`;
}

/** As one would type it: what a finding is shown with. */
export function shown(request: FuzzRequest): string {
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  const lines = [`${request.operation.method} ${targetOf(request)}`, `(as ${request.caller})`, ...headers];
  return [...lines, ...(request.body === undefined ? [] : [request.body])].join('\n').slice(0, 2000);
}
