import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Cell, TableRows } from './generator/table-rows.js';

/** Streams rows into their table with COPY, in constant memory. `onRows` receives the number of rows sent so far. */
export async function copyRows(
  client: ClientBase,
  { table, columns, rows }: TableRows,
  onRows: (sent: number) => void,
): Promise<void> {
  function* pieces() {
    let piece = '';
    let sent = 0;
    for (const row of rows) {
      piece += `${row.map(field).join('\t')}\n`;
      sent++;
      if (piece.length >= 65_536) {
        yield piece;
        piece = '';
        onRows(sent);
      }
    }
    if (piece !== '') yield piece;
    onRows(sent);
  }
  const sink = client.query(copyFrom(`COPY ${table} (${columns.join(', ')}) FROM STDIN`));
  await pipeline(Readable.from(pieces()), sink);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function field(cell: Cell): string {
  if (cell === null) return '\\N';
  return typeof cell === 'string'
    ? cell.replace(/[\\\t\n\r]/g, (found) => escapes[found] ?? '')
    : String(cell);
}
