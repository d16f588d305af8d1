import { HEARD_FOR_MS, type Backplane, type BackplaneListener, type CaughtUp } from '../engine/backplane.js';
import { GroupCommit } from '../engine/group-commit.js';
import { byHardness } from '../engine/tags.js';
import type { ConnectionOptions } from './connection-options.js';
import { isOverdue } from './deadline.js';
import { RedisConnection } from './redis-connection.js';
import type { ServerIdentity } from './server-identity.js';

export interface RedisBackplaneOptions extends Pick<
  ConnectionOptions,
  'locate' | 'timings' | 'clock' | 'paceWhenRefused' | 'paceWhenAway'
> {
  readonly channel: string;
  /** The token of everything: a server that was emptied has another, and has told nobody. */
  readonly epochKey: string;
  /**
   * Whether this is the server that invalidations are sent to; `undefined` if that is not known. What another server says
   * proves nothing.
   */
  readonly isOurs: (identity: ServerIdentity) => boolean | undefined;
}

const HEARTBEAT_MS = 250;

/**
 * Hears of invalidations through a subscription on a connection of its own. Replies and messages come in order on one stream,
 * so the answer to any question proves that everything was heard that was published before that was put: to a heartbeat, for
 * `bounded`, and to one for all who wait, for `strong`.
 */
export class RedisBackplane implements Backplane {
  readonly #options: RedisBackplaneOptions;
  readonly #listeners: BackplaneListener[] = [];
  readonly #questions = new GroupCommit<{ budgetMs: number }, CaughtUp>(
    () => ({ budgetMs: 0 }),
    ({ budgetMs }) => this.#askEpoch(budgetMs),
  );
  #connection: RedisConnection | undefined;
  #epoch: string | null = null;
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

  catchUp(budgetMs: number): Promise<CaughtUp> {
    const { wanted, answer } = this.#questions.next;
    wanted.budgetMs = Math.max(wanted.budgetMs, budgetMs);
    return answer;
  }

  /** Begins to connect, in the background. */
  start(): void {
    const { locate, timings, clock, paceWhenRefused, paceWhenAway, channel, epochKey, isOurs } =
      this.#options;
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
        this.#epoch = await client.get(epochKey);
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

  async #askEpoch(budgetMs: number): Promise<CaughtUp> {
    const connection = this.#connection;
    if (!connection?.isReady) return false;
    const { epochKey, isOurs } = this.#options;
    const heard = connection
      .run(budgetMs, async ({ client, identity }) => {
        const epoch = await client.get(epochKey);
        return this.#isSameEpoch(epoch) && isOurs(identity) === true;
      })
      .catch(() => false);
    if (!(await isOverdue(budgetMs / 2, heard))) return heard;
    connection.doubt();
    return { late: heard };
  }

  #isSameEpoch(epoch: string | null): boolean {
    if (epoch !== null && epoch === this.#epoch) return true;
    this.#epoch = epoch;
    this.#missed();
    return false;
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
