import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { CommandRefused } from '../../command/run-command.js';
import { analyzeTables } from '../analyze-tables.js';
import { inImportTurn } from '../import-turn.js';
import { clicks } from './click-file.js';
import { assessments, courses, materials } from './course-files.js';
import { csvRows } from './csv-rows.js';
import { demographics } from './demographics-file.js';
import { registrations, students } from './enrollment-files.js';
import { type FileResult, importFile, type Retry } from './import-file.js';
import type { OuladFile } from './oulad-file.js';
import type { OuladOptions } from './oulad-options.js';
import { RejectsFile } from './rejects-file.js';
import { submissions } from './submission-file.js';

interface ImportProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly file: string;
}

/** What whoever waits for an import may want to hear of meanwhile. */
interface ImportWatch {
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly onRetry?: (retry: Retry) => void;
}

export interface ImportSummary {
  readonly files: readonly FileResult[];
  /** Names of files that were not there, with what is lost. */
  readonly missing: readonly { readonly name: string; readonly lost: string }[];
}

interface FoundFile {
  readonly file: OuladFile;
  readonly path: string;
  readonly bytes: number;
}

const mostSites = 1_000_000;

/**
 * Imports a folder of OULAD files, or of files in its format, into a migrated database. It may be interrupted, and
 * repeated: what another import has made is made as these files have it, and what was rejected is taken once what it names
 * is there. What somebody has told through the API is left as it is: when a course ends, when work is due and how much it
 * weighs, who was enrolled and since when, how and when an enrollment ended, a submission, a grade. Clicks have nothing to be known
 * by: those of a changed file are new ones.
 *
 * @throws {CommandRefused} when a file cannot be used, or another import, or a reset, is running
 */
export async function importOulad(
  dataSource: DataSource,
  options: OuladOptions,
  watch: ImportWatch = {},
): Promise<ImportSummary> {
  const { found, missing } = await findFiles(options);
  await refuseUnknownStarts(options);
  const sites = await readSites(join(options.dir, materials.name));

  const runner = dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as ClientBase;
    const files = await inImportTurn(client, () => importFiles(client, options, found, sites, watch));
    return { files, missing };
  } finally {
    await runner.release();
  }
}

async function importFiles(
  client: ClientBase,
  options: OuladOptions,
  found: readonly FoundFile[],
  sites: ReadonlyMap<number, string>,
  { onProgress = () => undefined, onRetry = () => undefined }: ImportWatch,
): Promise<FileResult[]> {
  await refuseEarlierDay(client, options);
  const rejects = new RejectsFile(options.rejectsFile);
  await rejects.refuseOthers();
  const totalBytes = found.reduce((sum, { bytes }) => sum + bytes, 0);
  const results: FileResult[] = [];
  let before = 0;
  for (const { file, path, bytes } of found) {
    const context = { options, sites, sha256: await sha256Of(path) };
    const onBytes = (read: number): void => {
      onProgress({ bytes: before + read, totalBytes, file: file.name });
    };
    results.push(await importFile(client, file, path, context, rejects, { onBytes, onRetry }));
    before += bytes;
    onProgress({ bytes: before, totalBytes, file: file.name });
    // The statements that follow look people and courses up.
    await client.query('ANALYZE users, courses, enrollments, activities');
  }
  await analyzeTables(client);
  return results;
}

async function findFiles(
  options: OuladOptions,
): Promise<{ found: FoundFile[]; missing: ImportSummary['missing'] }> {
  const folder = await stat(options.dir).catch(() => undefined);
  if (!folder?.isDirectory()) throw new CommandRefused(`${options.dir} is not a folder.`);
  const wanted = [
    courses,
    assessments,
    students,
    ...(options.withDemographics ? [demographics] : []),
    registrations,
    ...(options.materials ? [materials] : []),
    submissions,
    clicks,
  ] as unknown as OuladFile[];

  const found: FoundFile[] = [];
  const missing: { name: string; lost: string }[] = [];
  for (const file of wanted) {
    const path = join(options.dir, file.name);
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile()) found.push({ file, path, bytes: stats.size });
    else if (stats) throw new CommandRefused(`${path} is not a file.`);
    else if (file.withoutIt === null)
      throw new CommandRefused(`${path} is missing; nothing can be imported without it.`);
    else missing.push({ name: file.name, lost: file.withoutIt });
  }
  const hasSites = await stat(join(options.dir, materials.name)).catch(() => undefined);
  if (!hasSites && !options.materials)
    missing.push({ name: materials.name, lost: materials.withoutIt ?? '' });
  return { found, missing };
}

/** A presentation that is written otherwise there would quietly get the usual first day, for good. */
async function refuseUnknownStarts({ dir, starts }: OuladOptions): Promise<void> {
  const unknown = new Set([...starts.keys()].filter((presentation) => presentation !== '*'));
  if (unknown.size === 0) return;
  const path = join(dir, courses.name);
  for await (const { fields } of csvRows(path, ['code_presentation'], () => undefined)) {
    unknown.delete(fields.code_presentation ?? '');
  }
  const [presentation] = unknown;
  if (presentation !== undefined)
    throw new CommandRefused(`--start ${presentation}: there is no such presentation in ${path}.`);
}

/** The kind of each page, for the events; without the file, or for bad records of it, unknown. */
async function readSites(path: string): Promise<Map<number, string>> {
  const sites = new Map<number, string>();
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile()) return sites;
  for await (const { fields, fault } of csvRows(path, ['id_site', 'activity_type'], () => undefined)) {
    const type = fields.activity_type ?? '';
    if (fault === null && /^\d{1,9}$/.test(fields.id_site ?? '') && /^\w{1,40}$/.test(type)) {
      sites.set(Number(fields.id_site), type);
    }
    if (sites.size > mostSites)
      throw new CommandRefused(`${path} has over ${mostSites} pages: is it the right file?`);
  }
  return sites;
}

/**
 * What happened after the day is in the database already, and would stay there. Of whatever files: those that were corrected
 * since tell of the same.
 */
async function refuseEarlierDay(client: ClientBase, { asOfDay }: OuladOptions): Promise<void> {
  if (asOfDay === null) return;
  const { rows } = await client.query<{ day: number | null }>(
    `SELECT substring(format FROM 'as_of_day=([0-9]+)')::int AS day FROM import_batches
     WHERE file = $1 AND format NOT LIKE '%demographics' AND rows_ok + rows_dup > 0`,
    [students.name],
  );
  if (rows.some(({ day }) => day === null || day > asOfDay)) {
    throw new CommandRefused(
      'An import has brought what is known of a later day: --as-of-day can only move on.',
    );
  }
}

async function sha256Of(path: string): Promise<Buffer> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest();
}
