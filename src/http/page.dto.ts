import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { Problem } from './problem.js';
import { toNumber } from './to-number.js';

/** How much of a list, and from where. */
export class PageQuery {
  /**
   * Number of rows, 1 to 200
   * @example 50
   */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @Transform(toNumber(integerIn))
  @Min(1)
  @Max(200)
  // The last is checked first: what is no number is told so.
  @IsInt()
  limit: number = 50;

  /** `next_cursor` of the page before, of the same list in the same order, as it is; leave out for the first page */
  @IsOptional()
  @IsString()
  @MaxLength(500)
  cursor?: string;
}

/** `Number` would also take `0x10`, `1e1` and blanks around it. @returns NaN for what is no integer */
function integerIn(text: unknown): number {
  return typeof text === 'string' && /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
}

/**
 * A cursor is opaque to callers: the list, and the sort values of the last row seen.
 *
 * @param list  what the place is a place in: the list with its order, and what it is of. Filters are left out, for they leave
 *   the order as it is
 */
export function encodeCursor(list: string, values: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify([list, ...values])).toString('base64url');
}

/**
 * Reads back what {@link encodeCursor} wrote.
 *
 * @param list    as it was given to {@link encodeCursor}
 * @param length  number of values the list's order needs
 * @throws {Problem} `validation_failed` if the text is not a cursor of this list
 */
export function decodeCursor(list: string, cursor: string, length: number): (string | number | null)[] {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(place) && place[0] === list) {
      const values: unknown[] = place.slice(1);
      if (values.length === length && values.every(isScalar)) return values;
    }
  } catch {
    // falls through: not ours
  }
  throw foreignCursor();
}

/** What a cursor of another list, or of none, is answered with. */
export function foreignCursor(): Problem {
  return new Problem('validation_failed', 'The cursor does not belong to this list.', {
    errors: [
      { pointer: '/query/cursor', code: 'cursor', detail: 'use next_cursor of the page before, unchanged' },
    ],
  });
}

function isScalar(value: unknown): value is string | number | null {
  return value === null || typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
}
