import { CommandRefused } from '../command/run-command.js';
import { databaseProblem } from '../database/database-problem.js';
import { codeOf, databaseReason } from '../database/database-reason.js';
import { EmbeddedPostgresError } from '../database/embedded-postgres.js';
import { MigrationError } from '../database/migrate.js';
import { PoolerError } from '../database/refuse-pooler.js';

/** The database is there, and we are not let in, or cannot trust it: rights, certificates, a server without TLS. */
const keptOut = /^(42501|no-tls|UNABLE_TO_\w+|\w*CERT\w*)$/;

/** What is wrong with the database in one line, where the user can mend it; `undefined` for all else. */
export function databaseRefusal(failure: unknown): CommandRefused | undefined {
  const line = failure instanceof Error ? lineOf(failure) : undefined;
  return line === undefined ? undefined : new CommandRefused(line, { cause: failure });
}

function lineOf(failure: Error): string | undefined {
  if (failure instanceof EmbeddedPostgresError || failure instanceof PoolerError) return failure.message;
  if (failure instanceof MigrationError) return migrationLine(failure);
  if (codeOf(failure) === '53100') return 'The disk is full.';
  // The message itself may name hosts and users.
  const reason = databaseReason(failure);
  const code = databaseProblem(failure)?.code;
  if (code === 'database_unavailable' || keptOut.test(reason))
    return `The database cannot be used (${reason}): is DATABASE_URL right, and the server running?`;
  if (code === 'overloaded')
    return `Other transactions were in the way time and again (${reason}): run it once more.`;
  return undefined;
}

function migrationLine({ migration, code }: MigrationError): string {
  if (code === '55P03')
    return `Others use a table that migration ${migration} needs (${code}): run it once more.`;
  return `Migration ${migration} failed (${code}) and was undone: has somebody changed tables or rights by hand?`;
}
