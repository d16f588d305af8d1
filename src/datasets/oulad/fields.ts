import type { CsvRow } from './csv-rows.js';

/** A record that cannot be imported; it goes to the rejects. */
export class BadRow extends Error {
  override readonly name = 'BadRow';
}

const dayMs = 86_400_000;

/** A code of letters, digits and hyphens, at most 45 characters. */
export function code({ fields }: CsvRow, column: string): string {
  const text = required(fields, column);
  if (!/^[A-Za-z0-9-]{1,45}$/.test(text)) throw new BadRow(`${column} is not a code`);
  return text;
}

export function wholeNumber(row: CsvRow, column: string, min: number, max: number): number {
  const number = optionalWholeNumber(row, column, min, max);
  if (number === null) throw new BadRow(`${column} is missing`);
  return number;
}

export function optionalWholeNumber(
  { fields }: CsvRow,
  column: string,
  min: number,
  max: number,
): number | null {
  const text = fields[column] ?? null;
  if (text === null) return null;
  const number = Number(text);
  if (!/^-?\d{1,12}(\.0+)?$/.test(text) || number < min || number > max) {
    throw new BadRow(`${column} is not a whole number of ${min} to ${max}`);
  }
  return number;
}

export function optionalNumber({ fields }: CsvRow, column: string, min: number, max: number): number | null {
  const text = fields[column] ?? null;
  if (text === null) return null;
  const number = Number(text);
  if (!/^-?\d{1,6}(\.\d{1,6})?$/.test(text) || number < min || number > max) {
    throw new BadRow(`${column} is not a number of ${min} to ${max}`);
  }
  return number;
}

/** Days from the start of the course, within ten years. */
export function optionalDay(row: CsvRow, column: string): number | null {
  return optionalWholeNumber(row, column, -3650, 3650);
}

export function day(row: CsvRow, column: string): number {
  return wholeNumber(row, column, -3650, 3650);
}

export function oneOf<T>({ fields }: CsvRow, column: string, values: Readonly<Record<string, T>>): T {
  const text = required(fields, column);
  const value = Object.hasOwn(values, text) ? values[text] : undefined;
  if (value === undefined) throw new BadRow(`${column} is none of ${Object.keys(values).join(', ')}`);
  return value;
}

/** Text of at most 100 characters without control characters. */
export function optionalText({ fields }: CsvRow, column: string): string | null {
  const text = fields[column] ?? null;
  if (text !== null && (text.length > 100 || /\p{Cc}/u.test(text)))
    throw new BadRow(`${column} is not plain text`);
  return text;
}

/** ISO 8601 of a time so many days and hours after a course's start. */
export function momentOf(startMs: number, days: number, timeOfDayMs = 0): string {
  return new Date(startMs + days * dayMs + timeOfDayMs).toISOString();
}

function required(fields: CsvRow['fields'], column: string): string {
  const text = fields[column] ?? null;
  if (text === null) throw new BadRow(`${column} is missing`);
  return text;
}
