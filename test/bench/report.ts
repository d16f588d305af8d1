import type { Spread } from './statistics.js';
import type { Table } from './tables.js';

/** One target and what was measured. */
export interface Figure {
  readonly name: string;
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
  /** What stands in the way, as far as it is known; said where the target is missed. */
  readonly obstacle?: string | undefined;
}

/** What one scenario has found. */
export interface Report {
  readonly title: string;
  /** How it was measured and what to beware of. */
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
}

export function figuresTable(figures: readonly Figure[]): Table {
  return {
    columns: ['figure', 'target', 'measured', 'met'],
    rows: figures.map(({ name, target, measured, isMet }) => [name, target, measured, isMet ? 'yes' : 'NO']),
  };
}

/** A list of what was missed, with what is known of why. */
export function obstacles(figures: readonly Figure[]): string {
  const missed = figures.filter(({ isMet }) => !isMet);
  if (missed.length === 0) return '';
  const lines = missed.map(({ name, obstacle = UNEXPLAINED }) => `- ${name}: ${obstacle}.`);
  return `What stands in the way of those that were missed:\n\n${lines.join('\n')}\n\n`;
}

const UNEXPLAINED = 'no cause is known; behind the median stands how far its rounds lie apart';

export function atLeast(name: string, target: number, measured: Spread, obstacle?: string): Figure {
  return {
    obstacle,
    name,
    target: `at least ${target}`,
    measured: spreadText(measured),
    isMet: measured.median >= target,
  };
}

export function atMost(name: string, target: number, measured: Spread, unit = ''): Figure {
  return {
    name,
    target: `at most ${target}${unit}`,
    measured: spreadText(measured, unit),
    isMet: measured.median <= target,
  };
}

/** The median, and behind it the smallest and the largest of all rounds. */
export function spreadText({ median, min, max }: Spread, unit = ''): string {
  return `${short(median)}${unit} (${short(min)} to ${short(max)})`;
}

/** Three digits that matter: 0, 0.0213, 1.05, 74.2, 31,400. */
export function short(value: number): string {
  if (value === 0) return '0';
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1000) return (Math.round(value / 100) * 100).toLocaleString('en');
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4;
  return value.toFixed(digits);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function sizeName(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${bytes / 1000} kB`;
}
