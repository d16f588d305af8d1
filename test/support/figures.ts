import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

/** What a figure should be; a test tells it and never fails by it, `npm run test:faults` judges. */
export interface Target {
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Figure {
  /** The fault, such as `F4`. */
  readonly row: string;
  /** What was measured, with its unit. */
  readonly name: string;
  readonly value: number;
  readonly target: Target | undefined;
  /** The file of the test that told it, as the documents name it. */
  readonly file: string;
}

/** Whether this run is there for its figures, and may take its time. */
export const isMeasuring = process.env.FIGURES_FILE !== undefined;

/**
 * Tells what was measured while a fault was there.
 *
 * A test runs on whatever machine there is, beside others: it says what was right, and only tells how long it took.
 */
export function figure(row: string, name: string, value: number, target?: Target): void {
  const told = relative(process.cwd(), expect.getState().testPath ?? '');
  const measured: Figure = { row, name, value: Math.round(value * 100) / 100, target, file: told };
  process.stdout.write(`${row}: ${name}: ${measured.value}${spoken(target)}\n`);
  const file = process.env.FIGURES_FILE;
  if (file) appendFileSync(file, `${JSON.stringify(measured)}\n`);
}

function spoken(target: Target | undefined): string {
  if (target?.atMost !== undefined) return ` (target: at most ${Math.round(target.atMost * 100) / 100})`;
  if (target?.atLeast !== undefined) return ` (target: at least ${Math.round(target.atLeast * 100) / 100})`;
  return '';
}
