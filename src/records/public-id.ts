import type { PipeTransform } from '@nestjs/common';
import { Problem } from '../http/problem.js';

/** What a public id looks like: `STU001`, `PROG-101`, `oulad-a-1752`; 1 to 64 characters. */
export const publicIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$/;

const rowIdPattern = /^[1-9]\d{0,18}$/;
export const largestRowId = 2n ** 63n - 1n;

/** Whether `text` can be the number of a row (`enrollment_id`, `submission_id`): 1 to 2^63 - 1. */
export function isRowId(text: unknown): text is string {
  return typeof text === 'string' && rowIdPattern.test(text) && BigInt(text) <= largestRowId;
}

export function isPublicId(text: unknown): text is string {
  return typeof text === 'string' && publicIdPattern.test(text);
}

/** A parameter that cannot be an id names nothing: 404, without asking the database. */
export const idPipe = (isId: (text: unknown) => boolean): PipeTransform<string, string> => ({
  transform: (value) => {
    if (isId(value)) return value;
    throw new Problem('not_found', 'Nothing has this id.');
  },
});

/** The same for one that may be left out. */
export const idPipeIfGiven: PipeTransform<string | undefined, string | undefined> = {
  transform: (value, metadata) =>
    value === undefined ? undefined : idPipe(isPublicId).transform(value, metadata),
};
