import { appendFile, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { CommandRefused } from '../../command/run-command.js';
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
const longestList = 10_000;

/** With which each line begins. */
const OPENING = '{"format":"';

/** The file of records that were not imported, one JSON line each. */
export class RejectsFile {
  constructor(readonly path: string) {}

  /** @throws {CommandRefused} where nothing can be written, or where something else would be lost */
  async refuseOthers(): Promise<void> {
    const stats = await stat(this.path).catch(() => undefined);
    if (stats && !stats.isFile()) throw new CommandRefused(`--rejects ${this.path} is not a file.`);
    const file = await open(this.path, 'a').catch((error: unknown) => {
      throw new CommandRefused(`--rejects ${this.path} cannot be written (${String(codeOf(error))}).`);
    });
    await file.close();
    if (!stats) await rm(this.path);
    const { whole, half } = await this.#lines();
    const isOurHalf = half.startsWith(OPENING) || OPENING.startsWith(half);
    if (isOurHalf && whole.every((line) => readLine(line))) return;
    throw new CommandRefused(
      `--rejects ${this.path} holds something else than rejected records: name another file.`,
    );
  }

  /**
   * Forgets what was noted of a file after its record `row`: an interrupted import may have noted rejects of a
   * batch that it did not commit.
   */
  async forgetAfter(format: string, file: string, row: number): Promise<void> {
    const { whole, half } = await this.#lines();
    const kept = whole.filter((line) => {
      const reject = readLine(line);
      return reject?.format !== format || reject.file !== file || reject.row <= row;
    });
    if (kept.length === whole.length && half === '') return;
    await writeFile(`${this.path}.new`, kept.map((line) => `${line}\n`).join(''));
    await rename(`${this.path}.new`, this.path);
  }

  /** A kill may have left half a line. */
  async #lines(): Promise<{ whole: string[]; half: string }> {
    const text = await readFile(this.path, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    });
    const lines = text.split('\n');
    const half = lines.pop() ?? '';
    return { whole: lines.filter((line) => line !== ''), half };
  }

  /** @param before  how many of the file were rejected earlier */
  async note(rejects: readonly Reject[], before: number): Promise<void> {
    const listed = rejects.slice(0, Math.max(0, longestList - before));
    if (listed.length === 0) return;
    await appendFile(this.path, listed.map((reject) => `${JSON.stringify(shortened(reject))}\n`).join(''));
  }
}

/** `undefined` for what is none of ours. */
function readLine(line: string): Reject | undefined {
  try {
    const reject = JSON.parse(line) as Partial<Reject>;
    const isOurs =
      typeof reject.format === 'string' && typeof reject.file === 'string' && reject.row !== undefined;
    return isOurs ? (reject as Reject) : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

function shortened(reject: Reject): Reject {
  const fields = Object.entries(reject.fields).map(([name, value]) => [name, value?.slice(0, 100) ?? null]);
  return { ...reject, fields: Object.fromEntries(fields) as CsvRow['fields'] };
}
