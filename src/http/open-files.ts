import { readdirSync, readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import type { Environment } from '../config/environment.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';

/** Descriptors for all but clients and pools: the connections of the port for probes, and files. */
const RESERVE = 115;
/** Connections to Redis without a pool. */
const WITHOUT_POOL = 3;

/** The settings that say how many connections there may be. */
type Limits = Pick<
  Environment,
  'MAX_CONNECTIONS' | 'DATABASE_POOL_SIZE' | 'REDIS_POOL' | 'REDIS_MAX_CONNECTIONS'
>;

interface OpenFiles {
  /** `Infinity`: there is none, or the system does not tell */
  readonly limit: number;
  readonly open: number;
}

/**
 * How many clients may be connected at a time so that probes, Redis and the database always find a descriptor: each
 * connection takes one, and without any, no port accepts another. Logs it if that is less than wanted.
 *
 * @param files  default: those of this process
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
