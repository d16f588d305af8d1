import { QueryFailedError, QueryRunnerAlreadyReleasedError } from 'typeorm';
import { databaseReason } from './database-reason.js';
import { DatabaseUnavailable } from './fail-fast-pool.js';

const coded = (code: string) => Object.assign(new Error('postgres://app:secret@db/x'), { code });

it.each([
  ['of the system', coded('ECONNREFUSED'), 'ECONNREFUSED'],
  ['of PostgreSQL', coded('57P01'), '57P01'],
  ['of a failed query', new QueryFailedError('SELECT secret', [], coded('53300')), '53300'],
  ['of a silent pool', new DatabaseUnavailable('timeout'), 'timeout'],
  ['of a pool in use', new DatabaseUnavailable('ALL_IN_USE'), 'ALL_IN_USE'],
  ['of silence', new Error('Query read timeout'), 'timeout'],
  ['of a connection that is late', new Error('timeout exceeded when trying to connect'), 'timeout'],
  ['of a broken connection', new Error('Connection terminated unexpectedly'), 'disconnected'],
  ['of a connection that was taken away', new QueryRunnerAlreadyReleasedError(), 'disconnected'],
  ['of a server without TLS', new Error('The server does not support SSL connections'), 'no-tls'],
  ['without a code', new TypeError('password of app'), 'TypeError'],
  ['with a text for a code', coded('password of app'), 'Error'],
  ['that is no error', 'password of app', 'unknown'],
])('is a word: %s', (_, error, reason) => {
  expect(databaseReason(error)).toBe(reason);
});
