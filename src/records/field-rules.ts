import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, isISO8601, IsUUID, Matches, Max, Min, ValidateBy, ValidateIf } from 'class-validator';
import { OneOf } from '../http/answer-fields.js';
import { publicIdPattern } from './public-id.js';

const instantPattern = /^(19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** A public id: a letter or digit, then up to 63 letters, digits or `. _ : @ -`. */
export const IsPublicId = () =>
  applyDecorators(
    Matches(publicIdPattern, {
      message: '$property must be a letter or digit followed by up to 63 letters, digits or . _ : @ -',
    }),
    ApiProperty({ pattern: publicIdPattern.source }),
  );

/** One of a list of words; its name is that of its type in clients. */
export const IsOneOf = (name: string, words: readonly string[], options: { nullable?: true } = {}) =>
  applyDecorators(IsIn(words), OneOf(name, words, options));

/** A UUID, in any version. */
export const IsClientId = () => applyDecorators(IsUUID(), ApiProperty({ format: 'uuid' }));

/** A moment with its time zone, in the years 1900 to 2199: `2026-02-05T18:52:18Z`. */
export const IsInstant = () =>
  applyDecorators(
    ValidateBy({
      name: 'isInstant',
      validator: {
        validate: isInstant,
        defaultMessage: () =>
          '$property must be an ISO 8601 date and time with a time zone, in the years 1900 to 2199',
      },
    }),
    ApiProperty({ format: 'date-time' }),
  );

/** A number from `min` to `max` with at most so many decimals. */
export const IsNumberBetween = (min: number, max: number, { decimals }: { decimals: number }) =>
  applyDecorators(
    decimals === 0 ? IsInt() : IsNumberOf(decimals),
    Min(min),
    Max(max),
    ApiProperty({
      minimum: min,
      maximum: max,
      ...(decimals === 0 ? { type: 'integer' } : { multipleOf: Number(`1e-${decimals}`) }),
    }),
  );

/** `IsNumber` of class-validator looks for the decimals in the number's text, and fails where that is `1e-7`. */
const IsNumberOf = (decimals: number) =>
  ValidateBy({
    name: 'isNumber',
    validator: {
      validate: (value) => typeof value === 'number' && Number(value.toFixed(decimals)) === value,
      defaultMessage: () => `$property must be a number with at most ${decimals} decimals`,
    },
  });

/** Text of 1 to `max` characters, more than blanks, that the database can store. */
export const IsPlainText = (max: number) =>
  applyDecorators(
    ValidateBy({
      name: 'isPlainText',
      validator: {
        validate: (value) =>
          typeof value === 'string' && isAtMost(value, max) && value.trim() !== '' && isStorable(value),
        defaultMessage: () =>
          `$property must be 1 to ${max} characters of text, not all blank, and ${storable}`,
      },
    }),
    ApiProperty({ minLength: 1, maxLength: max, pattern: '\\S' }),
  );

/** May be left out, but not be null. `@IsOptional()` would let a null through to a column that has none. */
export const IfGiven = () => ValidateIf((_, value) => value !== undefined);

export function isInstant(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    instantPattern.test(value) &&
    isISO8601(value, { strict: true }) &&
    !Number.isNaN(Date.parse(value))
  );
}

/** JSON Schema and PostgreSQL count characters; JavaScript's `length` counts an emoji as two. */
function isAtMost(text: string, max: number): boolean {
  return text.length <= max || (text.length <= 2 * max && Array.from(text).length <= max);
}

/** What {@link isStorable} asks for, in a message. */
export const storable = 'without U+0000 and halves of surrogate pairs';

/** PostgreSQL stores neither U+0000 nor half a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
