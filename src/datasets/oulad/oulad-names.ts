import { isPublicId } from '../../records/public-id.js';
import type { CsvRow } from './csv-rows.js';
import * as field from './fields.js';
import type { OuladOptions } from './oulad-options.js';

/** @throws {BadRow} where the API could not name the course */
export function courseCode(row: CsvRow): string {
  const code = `${field.code(row, 'code_module')}-${field.code(row, 'code_presentation')}`;
  if (!isPublicId(code)) throw new field.BadRow('code_module and code_presentation make no id of a course');
  return code;
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
