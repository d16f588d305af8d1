import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TableRows } from './generator/table-rows.js';
import { whenInterrupted } from './when-interrupted.js';

/** The rows as NDJSON in pieces of some 64 KiB: a line holds `table` and the columns of one row. */
export function* ndjson(tables: Iterable<TableRows>): Generator<string> {
  let piece = '';
  for (const { table, columns, rows } of tables) {
    for (const row of rows) {
      const cells = columns.map((column, index) => [column, row[index]]);
      piece += `${JSON.stringify({ table, ...Object.fromEntries(cells) })}\n`;
      if (piece.length >= 65_536) {
        yield piece;
        piece = '';
      }
    }
  }
  yield piece;
}

/** SHA-256 of the NDJSON dump, in hexadecimal. */
export function dumpSha256(tables: Iterable<TableRows>): string {
  const hash = createHash('sha256');
  for (const piece of ndjson(tables)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Writes the NDJSON dump to `file`, which must not exist yet, nor does it after a failure or a Ctrl-C, which ends the process.
 *
 * @returns its SHA-256 in hexadecimal
 */
export async function writeDump(tables: Iterable<TableRows>, file: string): Promise<string> {
  const hash = createHash('sha256');
  function* hashed() {
    for (const piece of ndjson(tables)) {
      hash.update(piece);
      yield piece;
    }
  }
  // Not before it is known what a signal does: it may come as soon as there is a file.
  const opening = Promise.resolve().then(() => open(file, 'wx'));
  // Half of one looks like a whole one, and would be in the way of the next. What could not be opened is another's.
  const takeAway = () =>
    opening.then(
      () => rm(file, { force: true }),
      () => undefined,
    );
  const stay = whenInterrupted(takeAway);
  try {
    await pipeline(Readable.from(hashed()), (await opening).createWriteStream());
  } catch (error) {
    await takeAway();
    throw error;
  } finally {
    stay();
  }
  return hash.digest('hex');
}
