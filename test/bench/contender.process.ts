import { CacheService } from '../../src/cache/index.js';
import { built } from './bodies.js';
import { contenders, type ContenderName } from './contenders.js';
import { runsAtMs } from './contenders/cached.js';
import { answerQuestions } from './questions.js';

/** What a contender has used so far. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Answers that a handler built. */
  readonly built: number;
}

export interface Invalidation {
  readonly ms: number;
  /** Not, if Redis took longer than the cache waits for it; the entries are unusable all the same. */
  readonly isConfirmed: boolean;
}

const [, , name, redisUrl = '', sourceUrl] = process.argv;
const server = contenders[name as ContenderName].start(redisUrl, name as ContenderName, sourceUrl);

async function cache(): Promise<CacheService> {
  const { app } = await server;
  if (!app) throw new Error(`${name} has no cache of ours`);
  return app.get(CacheService);
}

answerQuestions({
  url: async () => (await server).url,
  usage(): Usage {
    const { user, system } = process.cpuUsage();
    return {
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
      built: built.count,
    };
  },
  /** Twice: what finalizers let go is collected by the second run. */
  collectGarbage(): void {
    global.gc?.();
    global.gc?.();
  },
  runsAtMs: () => runsAtMs,
  settle: async () => (await cache()).settle(),
  async invalidate(tag: string): Promise<Invalidation> {
    const service = await cache();
    const started = performance.now();
    const isConfirmed = await service.invalidate(tag);
    return { ms: performance.now() - started, isConfirmed };
  },
});
