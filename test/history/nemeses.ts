import { setTimeout as wait } from 'node:timers/promises';
import { ask, silenceSubscribers } from '../support/ask-redis.js';
import type { Bed, ServiceProcess } from './bed.js';
import { nowUs } from './operation.js';

const KILL_EVERY_MS = 500;

/** Makes one thing fail for a while, and mends it. */
type Nemesis = (bed: Bed, ms: number, victim: ServiceProcess) => Promise<void>;

const nemeses = {
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
      await wait(KILL_EVERY_MS);
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
} satisfies Record<string, Nemesis>;

export type NemesisName = keyof typeof nemeses;
export const nemesisNames = Object.keys(nemeses) as NemesisName[];

/** Times as of `nowUs`. */
export interface Strike {
  readonly name: NemesisName;
  readonly fromUs: number;
  readonly toUs: number;
}

export interface NemesisOptions {
  readonly bed: Bed;
  readonly names: readonly NemesisName[];
  readonly random: () => number;
  readonly onStrike: (strike: Strike) => void;
}

const [SHORTEST_MS, LONGEST_MS, PAUSE_MS] = [1000, 4000, 1500];

/** Lets one after the other strike, in a random order in which each has its turn, until it is told to stop. */
export async function strike(
  { bed, names, random, onStrike }: NemesisOptions,
  signal: AbortSignal,
): Promise<void> {
  let turn: NemesisName[] = [];
  const pause = () => wait(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  await pause();
  while (!signal.aborted && names.length > 0) {
    if (turn.length === 0) turn = shuffled(names, random);
    const name = turn.pop()!;
    const victim = bed.services[Math.floor(random() * bed.services.length)]!;
    const fromUs = nowUs();
    await nemeses[name](bed, SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS), victim);
    onStrike({ name, fromUs, toUs: nowUs() });
    await pause();
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0]!);
}
