export type Cell = string | number | boolean | null;

/** One table's rows, made while they are read: `rowCount` of them, cells in the order of `columns`. */
export interface TableRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rowCount: number;
  readonly rows: Iterable<readonly Cell[]>;
}

/** ISO 8601 in UTC; `null` stays `null`. */
export function timestamp(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
