import { isWitness, softTag } from '../engine/tags.js';
import { newHalf } from '../engine/tokens.js';
import type { RedisServers } from '../redis/redis-servers.js';
import type { RedisSession } from '../redis/redis-session.js';
import type { RedisKeys } from './redis-keys.js';
import { TAKE_AWAY } from './redis-scripts.js';

/** Keys of tokens that go away on one server. */
export interface Removal {
  readonly server: string;
  readonly hard: string[];
  readonly soft: string[];
}

/** Which tokens go away on which server, in which order, and how. */
export class TokenRemovals {
  constructor(
    private readonly servers: RedisServers,
    private readonly keys: RedisKeys,
  ) {}

  /**
   * What goes to which server at once, and what only after that. One server takes everything in the order in which it
   * comes; several do not wait for each other, so there all witnesses have to be gone before the rest goes.
   */
  waves(hard: readonly string[], soft: readonly string[]): Removal[][] {
    if (!this.servers.isCluster) return [this.#byServer(hard, soft)];
    const isOther = (tag: string) => !isWitness(tag);
    return [
      this.#byServer(hard.filter(isWitness), soft.filter(isWitness)),
      this.#byServer(hard.filter(isOther), soft.filter(isOther)),
    ];
  }

  /**
   * Sends it, and tells the backplane. Taking a token away is as good as replacing it, for a missing one is a miss; and a full
   * server still does it.
   */
  async send(session: RedisSession, { hard, soft }: Pick<Removal, 'hard' | 'soft'>): Promise<void> {
    const half = newHalf();
    if (this.servers.isCluster) {
      const taken = hard.map((key) => this.#take(session, [key], []));
      const softened = soft.map((key) => this.#take(session, [], [key], half));
      await Promise.all([...taken, ...softened]);
    } else {
      await this.#take(session, hard, soft, half);
    }
  }

  /** Sends a removal of nothing: what is forbidden shows by that, and not only when something is to go. */
  async sendNothing(session: RedisSession): Promise<void> {
    await this.#take(session, [], []);
  }

  async #take(
    { client }: RedisSession,
    hard: readonly string[],
    soft: readonly string[],
    half = '',
  ): Promise<void> {
    const told = this.servers.isCluster ? [] : [this.keys.channel, this.#message(hard, soft)];
    await client.eval(TAKE_AWAY, {
      keys: [...hard, ...soft],
      arguments: [String(hard.length), half, ...told],
    });
  }

  #byServer(hard: readonly string[], soft: readonly string[]): Removal[] {
    const removals = new Map<string, Removal>();
    const removalOf = (key: string) => {
      const server = this.servers.nameOf(key);
      const removal = removals.get(server) ?? { server, hard: [], soft: [] };
      removals.set(server, removal);
      return removal;
    };
    for (const key of hard.flatMap((tag) => this.keys.tokens(tag))) removalOf(key).hard.push(key);
    for (const key of soft.flatMap((tag) => this.keys.tokens(tag))) removalOf(key).soft.push(key);
    return [...removals.values()];
  }

  #message(hard: readonly string[], soft: readonly string[]): string {
    const tagOf = (key: string) => this.keys.tagOf(key);
    return JSON.stringify([...hard.map(tagOf), ...soft.map(tagOf).map(softTag)]);
  }
}
