import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import type { CsvRow } from './csv-rows.js';

export interface Reject {
  /** The import it belongs to: `oulad` and the options that matter to the file. */
  readonly format: string;
  readonly file: string;
  /** Number of the record, 1 = the first after the header. */
  readonly row: number;
  readonly reason: string;
  readonly fields: CsvRow['fields'];
}

/** So many rejects of a file are written down; the rest are only counted. */
export const longestList = 10_000;

/** The file of records that were not imported, one JSON line each. */
export class RejectsFile {
  constructor(readonly path: string) {}

  /**
   * Forgets what was noted of a file after its record `row`: an interrupted import may have noted rejects of a
   * batch that it did not commit.
   */
  async forgetAfter(format: string, file: string, row: number): Promise<void> {
    const text = await readFile(this.path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    });
    const lines = text.split('\n').filter((line) => line !== '');
    const kept = lines.filter((line) => {
      const reject = readLine(line);
      if (reject === undefined) return false;
      return reject.format !== format || reject.file !== file || reject.row <= row;
    });
    if (kept.length === lines.length) return;
    await writeFile(`${this.path}.new`, kept.map((line) => `${line}\n`).join(''));
    await rename(`${this.path}.new`, this.path);
  }

  /** @param before  how many of the file were rejected earlier */
  async note(rejects: readonly Reject[], before: number): Promise<void> {
    const listed = rejects.slice(0, Math.max(0, longestList - before));
    if (listed.length === 0) return;
    await appendFile(this.path, listed.map((reject) => `${JSON.stringify(shortened(reject))}\n`).join(''));
  }
}

// A kill may have left half a line.
function readLine(line: string): Reject | undefined {
  try {
    return JSON.parse(line) as Reject;
  } catch {
    return undefined;
  }
}

function shortened(reject: Reject): Reject {
  const fields = Object.entries(reject.fields).map(([name, value]) => [name, value?.slice(0, 100) ?? null]);
  return { ...reject, fields: Object.fromEntries(fields) as CsvRow['fields'] };
}
