import { isNativeError } from 'node:util/types';
import {
  CannotExecuteNotConnectedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';
import { Problem } from '../http/problem.js';
import { codeOf } from './database-reason.js';
import { DatabaseUnavailable } from './fail-fast-pool.js';

/** Codes of the operating system and of PostgreSQL (SQLSTATE) that mean: not now, perhaps later. */
const unavailable =
  /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|08...|25006|25P0[34]|53...|57014|57P0.|58...|28...|3D000)$/;

/** Messages of `pg` for a lost connection: it gives these errors no code. */
const lostConnection =
  /^(Connection terminated|Client has encountered a connection error|Query read timeout|timeout exceeded when trying to connect|timeout expired|Cannot use a pool after calling end|Client was closed)/;

const contention = /^(40001|40P01|55P03)$/;
const badText = /^(22021|22P02|22P05|22003|22007|22008|22009)$/;

/**
 * The problem for an error of the database; `undefined` for any other error. Its text is ours, since messages of PostgreSQL
 * quote statements, values and host names.
 */
export function databaseProblem(error: unknown): Problem | undefined {
  if (!isNativeError(error)) return undefined;
  const code = codeOf(error);
  if (code === '23505') return new Problem('conflict', 'Something with this identity exists already.');
  if (code === '23503')
    return new Problem('conflict', 'Something this refers to does not exist, or is still in use.');
  if (code === '23514') return new Problem('unprocessable', 'A value breaks a rule of what can be stored.');
  if (badText.test(code))
    return new Problem(
      'validation_failed',
      'A value cannot be stored: it is out of range or holds an illegal character.',
    );
  if (contention.test(code))
    return new Problem('overloaded', 'Others are changing the same data. Try again.', {
      cause: 'contention',
    });
  if (
    error instanceof DatabaseUnavailable ||
    unavailable.test(code) ||
    lostConnection.test(error.message) ||
    error instanceof CannotExecuteNotConnectedError ||
    // TypeORM releases a connection that breaks while it is in use.
    error instanceof QueryRunnerAlreadyReleasedError ||
    error instanceof QueryRunnerProviderAlreadyReleasedError
  ) {
    return new Problem('database_unavailable', 'The database does not answer. Try again in a moment.');
  }
  return undefined;
}
