import { readdirSync, readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import type { Environment } from '../config/environment.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';

/** Descriptors for what is neither a client nor in a pool: all connections of the port for probes, and files. */
const RESERVE = 115;
/** To Redis, where there is no pool of them. */
const WITHOUT_POOL = 3;

/** What says how many connections there may be. */
type Limits = Pick<
  Environment,
  'MAX_CONNECTIONS' | 'DATABASE_POOL_SIZE' | 'REDIS_POOL' | 'REDIS_MAX_CONNECTIONS'
>;

interface OpenFiles {
  /** `Infinity`: none, or the system does not tell */
  readonly limit: number;
  readonly open: number;
}

/**
 * How many clients may be connected at a time so that probes, Redis and the database find a descriptor all the while: each
 * connection takes one, and without any nobody new is taken on, on no port. Says so in the log where that is less than wanted.
 *
 * @param files  Default: those of this process
 * @returns at least 1
 */
export function connectionsWithinFiles(
  { MAX_CONNECTIONS: wanted, DATABASE_POOL_SIZE, REDIS_POOL, REDIS_MAX_CONNECTIONS }: Limits,
  { limit, open }: OpenFiles = openFiles(),
): number {
  const pools = DATABASE_POOL_SIZE + (REDIS_POOL ? REDIS_MAX_CONNECTIONS : WITHOUT_POOL);
  const most = Math.max(1, limit - open - RESERVE - pools);
  if (most >= wanted) return wanted;
  const line: LogRecord = { event: 'connections.limited', clients: most, count: limit };
  new Logger('Http').warn(line);
  return most;
}

function openFiles(): OpenFiles {
  try {
    const limit = softLimitOf(readFileSync('/proc/self/limits', 'utf8'));
    return { limit, open: readdirSync('/proc/self/fd').length };
  } catch {
    // Only Linux has these files.
    return { limit: Infinity, open: 0 };
  }
}

/** @param limits  as `/proc/self/limits` has them @returns `Infinity` for none */
export function softLimitOf(limits: string): number {
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
}
