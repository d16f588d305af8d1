import type { CsvRow } from './csv-rows.js';
import * as field from './fields.js';
import type { OuladOptions } from './oulad-options.js';

export function courseCode(row: CsvRow): string {
  return `${field.code(row, 'code_module')}-${field.code(row, 'code_presentation')}`;
}

export function studentCode(row: CsvRow): string {
  return `oulad-${field.wholeNumber(row, 'id_student', 0, 9_999_999_999)}`;
}

/** Moments depend on the first days; so a file read under other first days is another import. */
export function startVariant({ starts }: OuladOptions): string {
  return [...starts].map(([presentation, ms]) => ` start=${presentation}:${ms}`).join('');
}

export function asOfVariant(options: OuladOptions): string {
  return startVariant(options) + (options.asOfDay === null ? '' : ` as_of_day=${options.asOfDay}`);
}
