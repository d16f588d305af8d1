import { isNativeError } from 'node:util/types';
import { QueryFailedError } from 'typeorm';

/** The code of the system or of PostgreSQL (SQLSTATE), as the error has it; empty where it has none. */
export function codeOf(error: Error): string {
  const { code } = (error instanceof QueryFailedError ? error.driverError : error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/**
 * A word for logs that says why the database could not be had: `ECONNREFUSED`, `57P01`, or `timeout`, `disconnected` and
 * `no-tls`, of a server that speaks no TLS while we are to, where there is no code. Never a text, for that may name hosts, users and values.
 */
export function databaseReason(error: unknown): string {
  if (!isNativeError(error)) return 'unknown';
  const code = codeOf(error);
  if (/^\w{3,40}$/.test(code)) return code;
  // `pg` and its pool have several words for both.
  if (/time(d ?)?out|timeout expired/i.test(error.message)) return 'timeout';
  if (/terminated|closed|connection error|released/i.test(error.message)) return 'disconnected';
  if (/does not support SSL/i.test(error.message)) return 'no-tls';
  return error.name;
}
