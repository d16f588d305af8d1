import { HEARD_FOR_MS, type Backplane, type BackplaneListener } from '../engine/backplane.js';
import { byHardness } from '../engine/tags.js';
import type { ConnectionOptions } from './connection-options.js';
import { RedisConnection } from './redis-connection.js';
import type { ServerIdentity } from './server-identity.js';

export interface RedisBackplaneOptions extends Pick<
  ConnectionOptions,
  'locate' | 'timings' | 'clock' | 'paceWhenRefused' | 'paceWhenAway'
> {
  readonly channel: string;
  /**
   * Whether this is the server that invalidations are sent to; `undefined` if that is not known. What another server says
   * proves nothing.
   */
  readonly isOurs: (identity: ServerIdentity) => boolean | undefined;
}

const HEARTBEAT_MS = 250;

/** Where invalidations are published, as a JSON list of tags. */
export function channelOf(namespace: string): string {
  return `${namespace}cache:invalidated`;
}

/**
 * Hears of invalidations through a subscription on a connection of its own. Replies and messages come in order on one stream,
 * so the answer to a heartbeat proves that everything was heard that was published before the heartbeat was sent.
 */
export class RedisBackplane implements Backplane {
  readonly #options: RedisBackplaneOptions;
  readonly #listeners: BackplaneListener[] = [];
  #connection: RedisConnection | undefined;
  #heardUntilMs = -Infinity;

  constructor(options: RedisBackplaneOptions) {
    this.#options = options;
  }

  get heardUntilMs(): number {
    return this.#connection?.session ? this.#heardUntilMs : -Infinity;
  }

  listen(listener: BackplaneListener): void {
    this.#listeners.push(listener);
  }

  /** Begins to connect, in the background. */
  start(): void {
    const { locate, timings, clock, paceWhenRefused, paceWhenAway, channel, isOurs } = this.#options;
    this.#connection = new RedisConnection({
      locate,
      timings: { ...timings, heartbeatMs: HEARTBEAT_MS },
      clock,
      paceWhenRefused,
      paceWhenAway,
      beforeUse: async ({ client }, isNew) => {
        if (!isNew) return;
        await client.subscribe(channel, (message) => {
          this.#hear(message);
        });
      },
      onReady: () => {
        this.#missed();
      },
      onLost: () => {
        this.#heardUntilMs = -Infinity;
      },
      onHeartbeat: ({ identity }, sentAtMs) => {
        const isIt = isOurs(identity);
        if (isIt) this.#heardUntilMs = sentAtMs + HEARD_FOR_MS;
        else if (isIt === false) this.#connection?.leave();
      },
    });
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #hear(message: string): void {
    const intent = parseTags(message);
    if (!intent) {
      this.#missed();
      return;
    }
    const { hard, soft } = byHardness(intent);
    const tags = [...hard, ...soft];
    for (const listener of this.#listeners) listener.onInvalidated(tags);
  }

  #missed(): void {
    this.#heardUntilMs = -Infinity;
    for (const listener of this.#listeners) listener.onGap();
  }
}

function parseTags(message: string): string[] | undefined {
  try {
    const tags: unknown = JSON.parse(message);
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  } catch {
    // Counts as a message that was missed.
  }
  return undefined;
}
