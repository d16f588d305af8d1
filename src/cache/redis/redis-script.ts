import { createHash } from 'node:crypto';
import { failureReason } from './failure-reason.js';
import type { BinaryClient, RedisClient } from './redis-client.js';

/** What a server does in one step. Its text is constant: a server keeps every one, and is then told its hash alone. */
export class RedisScript {
  readonly #text: string;
  readonly #hash: string;

  constructor(text: string) {
    this.#text = text;
    this.#hash = createHash('sha1').update(text).digest('hex');
  }

  /** @returns the reply. A server that does not know it yet is sent the text, which it runs behind what was sent meanwhile */
  run(
    client: RedisClient | BinaryClient,
    keys: readonly string[],
    parameters: readonly string[],
  ): Promise<unknown> {
    const options = { keys: [...keys], arguments: [...parameters] };
    return client.evalSha(this.#hash, options).catch((error: unknown) => {
      if (failureReason(error) !== 'NOSCRIPT') throw error;
      return client.eval(this.#text, options);
    });
  }
}
