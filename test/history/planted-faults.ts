import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { createClient } from 'redis';
import { EntryStore } from '../../src/cache/engine/entry-store.js';
import { SingleFlight } from '../../src/cache/engine/single-flight.js';
import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import type { EntryName } from '../../src/cache/engine/store.js';
import { RedisBackplane } from '../../src/cache/redis/redis-backplane.js';
import { OutboxFollower } from '../../src/cache/stores/outbox-follower.js';
import { RedisStore } from '../../src/cache/stores/redis.store.js';
import { TokenRemovals } from '../../src/cache/stores/token-removals.js';
import type { NemesisName } from './nemeses.js';
import type { RouteName } from './routes.js';

/** A mistake in the protocol, with what brings it to light. */
export interface Planted {
  readonly consistency: 'strong' | 'bounded';
  /** Before one of them has struck nothing may be wrong: the mistake would be another one than it is called. */
  readonly nemeses: readonly NemesisName[];
  readonly clocksApartMs?: number;
  /** The only route that it makes wrong. */
  readonly route?: RouteName;
}

/** The mistakes that such caches, and those who use them, are known for; the checker must find each. */
export const plantedFaults = {
  'tokens-after-the-load': { consistency: 'strong', nemeses: [] },
  'tokens-that-return': { consistency: 'strong', nemeses: ['tokens-evicted'] },
  'invalidates-before-commit': { consistency: 'strong', nemeses: [] },
  'joins-overtaken-runs': { consistency: 'strong', nemeses: [] },
  'believes-what-it-has-not-heard': { consistency: 'strong', nemeses: ['subscribers-silent'] },
  'near-without-a-lease': { consistency: 'bounded', nemeses: ['subscribers-silent'] },
  'restored-unnoticed': { consistency: 'strong', nemeses: ['redis-restored'] },
  'goes-on-unasked': { consistency: 'strong', nemeses: ['redis-killed'] },
  'replays-the-old-token': { consistency: 'strong', nemeses: [] },
  'latest-clock-wins': { consistency: 'strong', nemeses: [], clocksApartMs: 600_000 },
  'key-without-the-user': { consistency: 'strong', nemeses: [], route: 'own' },
  'forgets-the-result': { consistency: 'strong', nemeses: [], route: 'shelved' },
  'forgets-the-second-tag': { consistency: 'strong', nemeses: [], route: 'pair' },
  'forgets-the-prefix': { consistency: 'strong', nemeses: [], route: 'listed' },
} as const satisfies Record<string, Planted>;

export type PlantedFault = keyof typeof plantedFaults;

/** Makes this process wrong. Nothing in the product knows of it. */
export function plant(fault: PlantedFault | undefined, redisUrl: string): void {
  if (fault) plants[fault]?.(redisUrl);
}

const TOKEN_TTL_MS = 7_200_000;

/** Whose text is nothing but digits, all of them 0. */
const ZERO = Buffer.from('0'.repeat(16), 'base64url');

/** KEYS[1]: a token. ARGV[1]: ms. */
const COUNT_ON = `
local count = tonumber(string.match(redis.call('GET', KEYS[1]) or '0', '^%d+'))
return redis.call('SET', KEYS[1], string.format('%d', count + 1), 'PX', ARGV[1])`;

/** The others are in versions.controllers.ts and server.process.ts. */
const plants: Partial<Record<PlantedFault, (redisUrl: string) => void>> = {
  'tokens-after-the-load'() {
    const write = original('write');
    RedisStore.prototype.write = async function (this: RedisStore, name: EntryName, entry: CacheEntry) {
      const { tags } = entry;
      // Makes those that an invalidation has just taken away: the entry is good under what comes after it.
      const { tokens: present } = await this.open(name, tags, TOKEN_TTL_MS, 1000);
      const tokens = entry.tokens.map((token, i) => present[i] ?? token);
      await write.call(this, name, { ...entry, tokens, body: entry.body });
    };
  },
  'tokens-that-return'() {
    // A counter for each tag: what is invalidated counts on, and what is not there begins with 0, once more.
    const { randomBytes } = crypto;
    crypto.randomBytes = (size: number) =>
      size % ZERO.length === 0 ? Buffer.alloc(size, ZERO) : randomBytes(size);
    syncBuiltinESMExports();
    const send: TokenRemovals['send'] = Reflect.get(TokenRemovals.prototype, 'send');
    TokenRemovals.prototype.send = async function (this: TokenRemovals, session, { hard, soft }) {
      const counted = hard.map((key) =>
        session.client.eval(COUNT_ON, { keys: [key], arguments: [String(TOKEN_TTL_MS)] }),
      );
      const tags = hard.map((key) => key.slice('token:'.length));
      const told = session.client.publish('cache:invalidated', JSON.stringify(tags));
      await Promise.all([...counted, told, send.call(this, session, { hard: [], soft })]);
    };
  },
  'joins-overtaken-runs'() {
    SingleFlight.prototype.doom = () => undefined;
    SingleFlight.prototype.overtake = () => undefined;
    EntryStore.prototype.isCurrent = () => Promise.resolve(true);
  },
  'believes-what-it-has-not-heard'() {
    RedisBackplane.prototype.catchUp = () => Promise.resolve(true);
  },
  'near-without-a-lease'() {
    // What is heard counts as ever, but nothing ends the belief that all is heard.
    Object.defineProperty(RedisBackplane.prototype, 'heardUntilMs', { get: () => Infinity });
  },
  'restored-unnoticed'() {
    const beforeUse = original('beforeUse');
    RedisStore.prototype.beforeUse = function (this: RedisStore, session, server) {
      Object.assign(session.identity, { text: 'the same as ever' });
      return beforeUse.call(this, session, server, 'known');
    };
  },
  'goes-on-unasked'() {
    // Where Redis has been away for longer than a slow answer takes, nobody is asked in its place.
    const awayMs = 700;
    let thereAtMs = Infinity;
    const tokens = original('tokens');
    RedisStore.prototype.tokens = async function (this: RedisStore, ...asked) {
      const found = await tokens.apply(this, asked);
      thereAtMs = performance.now();
      return found;
    };
    const catchUp: OutboxFollower['catchUp'] = Reflect.get(OutboxFollower.prototype, 'catchUp');
    OutboxFollower.prototype.catchUp = function (this: OutboxFollower) {
      return performance.now() - thereAtMs > awayMs ? Promise.resolve() : catchUp.call(this);
    };
  },
  'replays-the-old-token'(redisUrl) {
    const replayedAfterMs = 100;
    const raw = createClient({ url: redisUrl }).on('error', () => undefined);
    const connected = raw.connect();
    const invalidate = original('invalidate');
    RedisStore.prototype.invalidate = async function (this: RedisStore, hard, soft, budgetMs) {
      await connected;
      const keys = hard.map((tag) => `token:${tag}`);
      const old = keys.length > 0 ? await raw.mGet(keys) : [];
      await invalidate.call(this, hard, soft, budgetMs);
      setTimeout(() => {
        keys.forEach((key, i) => {
          if (old[i]) void raw.set(key, old[i]).catch(() => undefined);
        });
      }, replayedAfterMs);
    };
  },
  'latest-clock-wins'(redisUrl) {
    const raw = createClient({ url: redisUrl }).on('error', () => undefined);
    const connected = raw.connect();
    RedisStore.prototype.invalidate = async (hard) => {
      await connected;
      const nowMs = Date.now();
      for (const key of hard.map((tag) => `token:${tag}`)) {
        // As caches do that tell what is newer by the time of whoever wrote it.
        const [setAtMs] = ((await raw.get(key)) ?? '').split('-').map(Number);
        if (setAtMs! > nowMs) continue;
        await raw.set(key, `${nowMs}-${crypto.randomUUID()}.0`);
      }
    };
  },
};

/** The method itself, to be called on whichever store. */
export function original<Name extends keyof RedisStore>(name: Name): RedisStore[Name] {
  return RedisStore.prototype[name];
}
