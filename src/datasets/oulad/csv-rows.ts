import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { CsvError, parse } from 'csv-parse';
import { CommandRefused } from '../../command/run-command.js';

/** A record of a CSV file by the names of its columns; a missing value, empty or `?`, is `null`. */
export interface CsvRow {
  /** Number of the record in the file, 1 = the first after the header. */
  readonly row: number;
  readonly fields: Readonly<Record<string, string | null>>;
  /** What is wrong with the record as a whole. */
  readonly fault: string | null;
}

const longestRecordBytes = 65_536;

/**
 * Reads a CSV file record by record, in constant memory: quoted or not, LF or CRLF, with or without BOM, its columns
 * in any order and among others.
 *
 * @param onBytes  called with the number of bytes read so far at each record
 * @throws {CommandRefused} when columns are missing, or the file is no CSV
 */
export async function* csvRows(
  path: string,
  columns: readonly string[],
  onBytes: (bytes: number) => void,
): AsyncGenerator<CsvRow> {
  const name = basename(path);
  const parser = parse({
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: longestRecordBytes,
  });
  const file = createReadStream(path, { highWaterMark: 262_144 });
  file.on('error', (error) => parser.destroy(error)).pipe(parser);

  let header: string[] | undefined;
  let places: (readonly [string, number])[] = [];
  let row = 0;
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      if (!header) {
        header = record.map((column) => column.trim().toLowerCase());
        places = placesOf(name, header, columns);
        continue;
      }
      row++;
      onBytes(parser.info.bytes);
      const fields = Object.fromEntries(places.map(([column, place]) => [column, valueOf(record[place])]));
      const isWhole = record.length === header.length;
      yield {
        row,
        fields,
        fault: isWhole ? null : `has ${record.length} fields instead of ${header.length}`,
      };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CommandRefused(
      `${name} cannot be read after record ${row}: is a quote not closed? (${error.code})`,
    );
  } finally {
    file.destroy();
  }
  if (!header) throw new CommandRefused(`${name} is empty.`);
}

function placesOf(name: string, header: string[], columns: readonly string[]): (readonly [string, number])[] {
  const missing = columns.filter((column) => !header.includes(column));
  if (missing.length > 0) {
    throw new CommandRefused(
      `${name} lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}.`,
    );
  }
  return columns.map((column) => [column, header.indexOf(column)] as const);
}

function valueOf(text: string | undefined): string | null {
  const value = text?.trim() ?? '';
  return value === '' || value === '?' ? null : value;
}
