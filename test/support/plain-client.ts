import { Agent, request } from 'node:http';
import type { Answer } from './openapi.js';

export interface PlainRequest {
  readonly method?: string;
  /** Path and query as they are to be sent: `fetch` and `URL` would tidy them up. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer | undefined;
}

/** Sends what it is told, over few connections, and nothing else; who finds none free waits. */
export class PlainClient {
  readonly #agent: Agent;

  /** @param connections  at most. Default: 1 */
  constructor(
    private readonly baseUrl: string,
    connections = 1,
  ) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** @throws {Error} if there is no answer within 10 s */
  send({ method = 'GET', path, headers = {}, body }: PlainRequest): Promise<Answer> {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        this.baseUrl,
        { agent: this.#agent, method, path, headers: { ...headers, ...length }, timeout: 10_000 },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = (answer.headers['content-type'] ?? '').includes('json') && text !== '';
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers as Record<string, string>,
              text,
              body: isJson ? JSON.parse(text) : text,
            });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
