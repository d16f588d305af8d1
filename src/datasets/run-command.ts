import { ConfigurationError } from '../config/configuration-error.js';
import { EmbeddedPostgresError } from '../database/embedded-postgres.js';
import { asksForAnotherRun } from '../database/run-again.js';

/** The command was called wrongly, or with files it cannot use; the message is for the user. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}

/** Runs a command line; what the user can mend ends it with one clear line and exit code 1, the rest with a trace. */
export function runCommand(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    console.error(lineOf(error) ?? error);
    process.exitCode = 1;
  });
}

function lineOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isForUser =
    error instanceof CommandRefused ||
    error instanceof ConfigurationError ||
    error instanceof EmbeddedPostgresError;
  if (isForUser) return error.message;
  const code = 'code' in error ? String(error.code) : '';
  if (code.startsWith('ERR_PARSE_ARGS'))
    return `${error.message.split('\n')[0] ?? ''} (--help tells the options.)`;
  // The message itself may name hosts and users.
  if (/^(ECONN|ENOTFOUND|ETIMEDOUT|EAI_|EHOSTUNREACH|28|3D|57|08)/.test(code)) {
    return `The database cannot be used (${code}): is DATABASE_URL right, and the server running?`;
  }
  if (asksForAnotherRun(code))
    return `Other transactions were in the way time and again (${code}): run it once more.`;
  if (code === 'ENOSPC' || code === '53100') return 'The disk is full.';
  if (code === 'EEXIST') return `${'path' in error ? String(error.path) : 'The file'} exists already.`;
  if (/^(ENOENT|EACCES|EROFS|ENOTDIR|EISDIR)$/.test(code) && 'path' in error) {
    return `${String(error.path)} cannot be opened (${code}).`;
  }
  return undefined;
}
