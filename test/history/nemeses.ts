import { setTimeout as wait } from 'node:timers/promises';
import { ask, silenceSubscribers } from '../support/ask-redis.js';
import { connectAdmin } from '../support/redis-admin.js';
import type { Bed, ServiceProcess } from './bed.js';

const AGAIN_AFTER_MS = 500;
const EVICT_EVERY_MS = 100;
/** The service asks once a second whether PostgreSQL answers again, and makes new connections. Until then it refuses. */
const DATABASE_HEARD_MS = 2000;
/** Nobody listens there. */
const NO_PORT = '1';

/** Makes one thing fail for a while, and mends it. */
type Nemesis = (bed: Bed, ms: number, victim: ServiceProcess) => Promise<void>;

export const nemeses = {
  async 'redis-hung'({ redis }, ms) {
    redis.freeze();
    await wait(ms);
    redis.thaw();
  },
  async 'redis-killed'(bed, ms) {
    await bed.forgetSaved();
    await bed.redis.kill();
    await wait(ms);
    await bed.restartRedis();
  },
  /** It comes back with what it had a while ago, entries and tokens. */
  async 'redis-restored'(bed, ms) {
    await ask(bed.redis, ['SAVE']);
    await wait(ms);
    await bed.redis.kill();
    await bed.restartRedis();
    await bed.forgetSaved();
  },
  async 'redis-flushed'({ redis }, ms) {
    for (const untilMs = performance.now() + ms; performance.now() < untilMs;) {
      await ask(redis, ['FLUSHALL']);
      await wait(AGAIN_AFTER_MS);
    }
  },
  /** It has what it had, lets itself be read, and takes no write. */
  async 'redis-replica'({ redis }, ms) {
    await ask(redis, ['REPLICAOF', '127.0.0.1', NO_PORT]);
    await wait(ms);
    await ask(redis, ['REPLICAOF', 'NO', 'ONE']);
  },
  /** It is full, again and again, and lets go of tokens; entries and leases stay. */
  async 'tokens-evicted'({ redis }, ms) {
    const admin = await connectAdmin({ adminUrl: redis.adminUrl });
    // What was asked for before it struck is answered before it is felt.
    await wait(ms / 2);
    for (const untilMs = performance.now() + ms / 2; performance.now() < untilMs;) {
      const tokens = await admin.keys('token:*');
      if (tokens.length > 0) await admin.del(tokens);
      await wait(EVICT_EVERY_MS);
    }
    admin.destroy();
  },
  async 'connections-reset'({ services }, ms) {
    for (const { proxy } of services) proxy.cut(() => Math.floor(Math.random() * 20_000));
    await wait(ms);
    for (const { proxy } of services) await proxy.restore();
  },
  /** Nothing is heard of invalidations, and nobody says so; nor on connections that are made in place of those. */
  async 'subscribers-silent'({ redis, services }, ms) {
    for (const { proxy } of services) proxy.silenceAt('subscribe');
    // One that was lost before is made again soon.
    for (let silenced = 0, looks = 0; silenced === 0; looks++) {
      if (looks === 50) throw new Error('nobody subscribes');
      if (looks > 0) await wait(100);
      for (const { proxy } of services) silenced += await silenceSubscribers(redis, proxy);
    }
    await wait(ms);
    for (const { proxy } of services) await proxy.restore();
  },
  /** Each time it is subscribed anew, it is over again. */
  async 'subscribers-killed'({ redis }, ms) {
    for (const untilMs = performance.now() + ms; performance.now() < untilMs;) {
      await ask(redis, ['CLIENT', 'KILL', 'TYPE', 'pubsub']);
      await wait(AGAIN_AFTER_MS);
    }
  },
  async 'writer-cut-off'(_, ms, { proxy }) {
    proxy.silence();
    await wait(ms);
    await proxy.restore();
  },
  async 'service-hung'(_, ms, { child }) {
    child.kill('SIGSTOP');
    await wait(ms);
    child.kill('SIGCONT');
  },
  async 'service-killed'(bed, ms, victim) {
    await bed.killService(victim);
    await wait(ms);
    await bed.startService(victim);
  },
  async 'database-connections-killed'(bed, ms) {
    for (let n = 0; n < 5; n++) {
      await bed.killDatabaseConnections();
      await wait(ms / 5);
    }
  },
  async 'database-hung'(bed, ms) {
    await bed.freezeDatabase();
    await wait(ms);
    bed.thawDatabase();
    await bed.query('SELECT 1');
    await wait(DATABASE_HEARD_MS);
  },
} satisfies Record<string, Nemesis>;

type Single = keyof typeof nemeses;
const singles = Object.keys(nemeses) as Single[];

/** What each breaks: two that break the same are not let loose at once, for the one would mend what the other breaks. */
const broken: Record<Single, readonly ('redis' | 'network' | 'service' | 'database')[]> = {
  'redis-hung': ['redis'],
  'redis-killed': ['redis'],
  'redis-restored': ['redis'],
  'redis-flushed': ['redis'],
  'redis-replica': ['redis'],
  'tokens-evicted': ['redis'],
  'connections-reset': ['network'],
  'subscribers-silent': ['redis', 'network'],
  'subscribers-killed': ['redis'],
  'writer-cut-off': ['network'],
  'service-hung': ['service'],
  'service-killed': ['service'],
  'database-connections-killed': ['database'],
  'database-hung': ['database'],
};

const TWO = 'two-at-once';

export type NemesisName = Single | typeof TWO;
export const nemesisNames: readonly NemesisName[] = [...singles, TWO];

/** Whether PostgreSQL may hang, for all who use it. */
export function hangsDatabase(names: readonly NemesisName[]): boolean {
  return names.includes('database-hung') || names.includes(TWO);
}

/** Which of them strike, at once. */
export function membersOf(name: NemesisName, random: () => number): Single[] {
  if (name !== TWO) return [name];
  const first = oneOf(singles, random);
  const others = singles.filter((other) => !broken[other].some((what) => broken[first].includes(what)));
  return [first, oneOf(others, random)];
}

export function oneOf<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)]!;
}
