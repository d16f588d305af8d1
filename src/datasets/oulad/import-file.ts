import type { ClientBase } from 'pg';
import { TypeormOutbox } from '../../cache/outbox/typeorm.outbox.js';
import { asksForAnotherRun, runAgain } from '../../database/run-again.js';
import { csvRows, type CsvRow } from './csv-rows.js';
import { BadRow } from './fields.js';
import type { OuladFile, ParseContext } from './oulad-file.js';
import type { Reject, RejectsFile } from './rejects-file.js';

/** Records of a file by what became of them; they add up to all records read. */
interface FileCounts {
  /** Inserted or changed. */
  readonly imported: number;
  /** In the database already, or twice in the file. */
  readonly unchanged: number;
  /** After the day the import stops at. */
  readonly later: number;
  readonly rejected: number;
}

export interface FileResult extends FileCounts {
  readonly name: string;
  readonly publishedRows: number;
  /** Whether nothing was left to do, as the file was imported before. */
  readonly wasDone: boolean;
}

/** A transaction that the database has broken off, and that is about to run again. */
export interface Retry {
  readonly file: string;
  /** Number of the record that it begins with. */
  readonly row: number;
  /** SQLSTATE: `40P01` of a deadlock, `40001` of a serialisation failure. */
  readonly code: string;
}

interface FileWatch {
  /** Called with the number of bytes read so far. */
  readonly onBytes: (bytes: number) => void;
  readonly onRetry: (retry: Retry) => void;
}

interface Batch {
  readonly id: string;
  readonly ok: number;
  readonly dup: number;
  readonly later: number;
  readonly bad: number;
  readonly done: boolean;
}

const batchRows = 5_000;

/**
 * Imports one file in transactions of 5,000 records; each also notes how far it came, so that an import that was
 * interrupted goes on behind the last whole transaction. One that the database breaks off for another's sake, as in a deadlock,
 * runs again, three times at most. A file whose rejects may be known by now is imported anew.
 */
export async function importFile(
  client: ClientBase,
  file: OuladFile,
  path: string,
  context: ParseContext,
  rejectsFile: RejectsFile,
  watch: FileWatch,
): Promise<FileResult> {
  const format = formatOf(file, context);
  const key = [format, file.name, context.sha256.toString('hex')] as const;
  await reopen(client, key, file);
  let batch = await openBatch(client, key);
  const result = { name: file.name, publishedRows: file.publishedRows, wasDone: batch.done };
  if (!batch.done) {
    const done = readBefore(batch);
    await rejectsFile.forgetAfter(format, file.name, done);
    let pending: CsvRow[] = [];
    const flush = async (isLast: boolean): Promise<void> => {
      const records = pending;
      batch = await runAgain(
        () => writeBatch(client, file, records, context, rejectsFile, batch, isLast),
        async (error) => {
          if (!isBrokenOff(error)) return false;
          await rejectsFile.forgetAfter(format, file.name, readBefore(batch));
          watch.onRetry({ file: file.name, row: readBefore(batch) + 1, code: error.code });
          return true;
        },
      );
      pending = [];
    };
    for await (const row of csvRows(path, file.columns, watch.onBytes)) {
      if (row.row <= done) continue;
      pending.push(row);
      if (pending.length >= batchRows) await flush(false);
    }
    await flush(true);
  }
  return { ...result, imported: batch.ok, unchanged: batch.dup, later: batch.later, rejected: batch.bad };
}

function readBefore({ ok, dup, later, bad }: Batch): number {
  return ok + dup + later + bad;
}

function isBrokenOff(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && asksForAnotherRun(String(error.code));
}

async function writeBatch(
  client: ClientBase,
  file: OuladFile,
  records: readonly CsvRow[],
  context: ParseContext,
  rejectsFile: RejectsFile,
  before: Batch,
  isLast: boolean,
): Promise<Batch> {
  const { rows, rejects, later } = parseAll(file, records, context);
  await client.query('BEGIN');
  try {
    const { written, unknown } =
      rows.length > 0 ? await file.write(client, rows) : { written: 0, unknown: [] };
    const origin = { format: formatOf(file, context), file: file.name };
    const byRow = new Map(records.map((record) => [record.row, record]));
    for (const row of unknown) {
      rejects.push({ ...origin, row, reason: file.unknownIs, fields: byRow.get(row)?.fields ?? {} });
    }
    rejects.sort((a, b) => a.row - b.row);
    await rejectsFile.note(rejects, before.bad);
    const after = {
      ...before,
      ok: before.ok + written,
      dup: before.dup + rows.length - written - unknown.length,
      later: before.later + later,
      bad: before.bad + rejects.length,
      done: isLast,
    };
    await client.query(
      `UPDATE import_batches SET rows_ok = $2, rows_dup = $3, rows_later = $4, rows_bad = $5,
         finished_at = CASE WHEN $6 THEN now() END WHERE id = $1`,
      [after.id, after.ok, after.dup, after.later, after.bad, isLast],
    );
    if (written > 0) await client.query(TypeormOutbox.invalidateEverything);
    await client.query('COMMIT');
    return after;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function parseAll(file: OuladFile, records: readonly CsvRow[], context: ParseContext) {
  const origin = { format: formatOf(file, context), file: file.name };
  const rows: { readonly row: number }[] = [];
  const rejects: Reject[] = [];
  let later = 0;
  for (const record of records) {
    try {
      if (record.fault !== null) throw new BadRow(record.fault);
      const row = file.parse(record, context);
      if (row) rows.push(row);
      else later++;
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      rejects.push({ ...origin, row: record.row, reason: error.message, fields: record.fields });
    }
  }
  return { rows, rejects, later };
}

function formatOf(file: OuladFile, { options }: ParseContext): string {
  return `oulad${file.variant(options)}`;
}

type BatchKey = readonly [format: string, file: string, sha256: string];

/**
 * Lets a file be imported anew from its start when one that it needs has brought something since it was finished, or since
 * it was begun where it was interrupted; or another of its name has, whose corrections are taken back then. Personal traits
 * bring nothing that others name, though they are in a file that does.
 */
async function reopen(
  client: ClientBase,
  key: BatchKey,
  { needs, corrects = [], addsOnly = false }: OuladFile,
): Promise<void> {
  await client.query(
    `UPDATE import_batches b
     SET rows_ok = 0, rows_dup = 0, rows_later = 0, rows_bad = 0, started_at = now(), finished_at = NULL
     WHERE format = $1 AND file = $2 AND sha256 = $3 AND EXISTS (
       SELECT FROM import_batches n
       WHERE (n.file = ANY(CASE WHEN b.rows_bad > 0 THEN $4::text[] ELSE $5 END)
           OR (NOT $6::boolean AND n.file = b.file AND n.format = b.format AND n.sha256 <> b.sha256))
         AND n.format NOT LIKE '%demographics' AND n.rows_ok > 0
         AND coalesce(n.finished_at, n.started_at) > coalesce(b.finished_at, b.started_at))`,
    [...key, needs, corrects, addsOnly],
  );
}

async function openBatch(client: ClientBase, key: BatchKey): Promise<Batch> {
  const { rows } = await client.query<Batch>(
    `INSERT INTO import_batches (format, file, sha256) VALUES ($1, $2, $3)
     ON CONFLICT (format, file, sha256) DO UPDATE SET format = excluded.format
     RETURNING id, rows_ok AS ok, rows_dup AS dup, rows_later AS later, rows_bad AS bad,
       finished_at IS NOT NULL AS done`,
    [...key],
  );
  if (!rows[0]) throw new Error('import_batches returned no row');
  return rows[0];
}
