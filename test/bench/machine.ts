import { cpus, totalmem } from 'node:os';
import type { RedisClient } from './redis.js';

export interface Machine {
  readonly date: string;
  readonly processor: string;
  readonly node: string;
  readonly redisVersion: string;
}

/** What a reader must know about where something was measured. */
export async function machine(redis: RedisClient): Promise<Machine> {
  const cores = cpus();
  const gib = Math.round(totalmem() / 1024 ** 3);
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: `${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), ${gib} GiB, ${process.platform} ${process.arch}`,
    node: process.versions.node,
    redisVersion: /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown',
  };
}
