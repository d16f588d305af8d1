import { isNativeError } from 'node:util/types';
import { QueryFailedError } from 'typeorm';

/** The error's code, of the system or of PostgreSQL (SQLSTATE); empty if it has none. */
export function codeOf(error: Error): string {
  const { code } = (error instanceof QueryFailedError ? error.driverError : error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/**
 * A word for logs that says why the database cannot be used: a code such as `ECONNREFUSED` or `57P01`; without a code
 * `timeout`, `disconnected`, or `no-tls` of a server without the TLS that we are to use. Never a text, which may name hosts,
 * users and values.
 */
export function databaseReason(error: unknown): string {
  if (!isNativeError(error)) return 'unknown';
  const code = codeOf(error);
  if (/^\w{3,40}$/.test(code)) return code;
  // `pg` and its pool have several messages for both.
  if (/time(d ?)?out|timeout expired/i.test(error.message)) return 'timeout';
  if (/terminated|closed|connection error|released/i.test(error.message)) return 'disconnected';
  if (/does not support SSL/i.test(error.message)) return 'no-tls';
  return error.name;
}
