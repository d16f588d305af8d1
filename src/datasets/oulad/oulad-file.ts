import type { ClientBase } from 'pg';
import type { CsvRow } from './csv-rows.js';
import type { OuladOptions } from './oulad-options.js';

/** What parsing a record may need beside the record. */
export interface ParseContext {
  readonly options: OuladOptions;
  /** SHA-256 of the file. */
  readonly sha256: Buffer;
  /** Kind of each page, by `id_site`. */
  readonly sites: ReadonlyMap<number, string>;
}

export interface Written {
  /** Rows inserted or changed. */
  readonly written: number;
  /** Numbers of the records that name something unknown. */
  readonly unknown: readonly number[];
}

/** How one of OULAD's files becomes rows. */
export interface OuladFile<T extends { readonly row: number } = { readonly row: number }> {
  readonly name: string;
  readonly columns: readonly string[];
  /** Records in the published data set. */
  readonly publishedRows: number;
  /** What is lost without the file; `null`: it must be there. */
  readonly withoutIt: string | null;
  /** Why a record may be unknown. */
  readonly unknownIs: string;
  /** Files that bring what its records name. */
  readonly needs: readonly string[];
  /** Those of them whose rows are right only after this one: it is imported anew with them also where nothing was rejected. */
  readonly corrects?: readonly string[];
  /** Its records have nothing to be known by: those of another file are others, and none is the correction of one. */
  readonly addsOnly?: boolean;
  /** Options that change the rows; a file imported under others is imported anew. */
  readonly variant: (options: OuladOptions) => string;
  /** @returns `null` for what lies after `asOfDay` @throws {BadRow} */
  readonly parse: (row: CsvRow, context: ParseContext) => T | null;
  /** Writes rows set-based, inside the caller's transaction. Safe to repeat. */
  readonly write: (client: ClientBase, rows: readonly T[]) => Promise<Written>;
}

/** Runs a statement that takes rows as JSON (`$1`) and answers `written` and `unknown`. */
export async function writeRows(client: ClientBase, sql: string, rows: readonly object[]): Promise<Written> {
  const { rows: answers } = await client.query<{ written: number; unknown: number[] | null }>(sql, [
    JSON.stringify(rows),
  ]);
  return { written: answers[0]?.written ?? 0, unknown: answers[0]?.unknown ?? [] };
}
