import type { Environment } from '../config/environment.js';
import { CommandRefused } from '../command/run-command.js';

/**
 * Whoever types `--reset` may be in another terminal than they think.
 *
 * @throws {CommandRefused} in production; it names the database, never who may use it
 */
export function refuseReset({ isProduction, DATABASE_URL, DATA_DIR }: Environment): void {
  if (!isProduction) return;
  const place = DATABASE_URL === undefined ? `the database in ${DATA_DIR}` : placeOf(new URL(DATABASE_URL));
  throw new CommandRefused(
    `--reset would delete everything in ${place}, and this is production. --yes-delete-everything says that it is meant.`,
  );
}

function placeOf({ hostname, port, pathname }: URL): string {
  return `the database ${pathname.slice(1) || 'of the user'} on ${hostname}:${port || '5432'}`;
}
