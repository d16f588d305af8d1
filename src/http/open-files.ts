import { readdirSync, readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import type { LogRecord } from '../telemetry/log-catalogue.js';

/** Descriptors for what is no client: all connections of the port for probes, those to Redis and to the database, files. */
const RESERVE = 128;

interface OpenFiles {
  /** `Infinity`: none, or the system does not tell */
  readonly limit: number;
  readonly open: number;
}

/**
 * How many clients may be connected at a time so that probes, Redis and the database find a descriptor all the while: each
 * connection takes one, and without any nobody new is taken on, on no port. Says so in the log where that is less than wanted.
 *
 * @param wanted  `MAX_CONNECTIONS`
 * @param files  Default: those of this process
 * @returns at least 1
 */
export function connectionsWithinFiles(wanted: number, { limit, open }: OpenFiles = openFiles()): number {
  const most = Math.max(1, limit - open - RESERVE);
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
