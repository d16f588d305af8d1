import { EmbeddedPostgresError } from '../database/embedded-postgres.js';
import { PoolerError } from '../database/refuse-pooler.js';
import { asksForAnotherRun } from '../database/run-again.js';

/** What went wrong with a database or a file in one line, where the user can mend it. */
export function failureLine(failure: Error): string | undefined {
  if (failure instanceof EmbeddedPostgresError || failure instanceof PoolerError) return failure.message;
  const code = 'code' in failure ? String(failure.code) : '';
  // The message itself may name hosts and users.
  if (/^(ECONN|ENOTFOUND|ETIMEDOUT|EAI_|EHOSTUNREACH|28|3D|57|08)/.test(code)) {
    return `The database cannot be used (${code}): is DATABASE_URL right, and the server running?`;
  }
  if (asksForAnotherRun(code))
    return `Other transactions were in the way time and again (${code}): run it once more.`;
  if (code === 'ENOSPC' || code === '53100') return 'The disk is full.';
  if (code === 'EEXIST') return `${'path' in failure ? String(failure.path) : 'The file'} exists already.`;
  if (/^(ENOENT|EACCES|EROFS|ENOTDIR|EISDIR)$/.test(code) && 'path' in failure) {
    return `${String(failure.path)} cannot be opened (${code}).`;
  }
  return undefined;
}
