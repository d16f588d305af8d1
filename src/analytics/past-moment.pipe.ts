import { Injectable, type PipeTransform } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { isRealDay } from '../http/real-day.js';

const instantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;
const earliestYear = 1970;

/** `{as_of}` in the description of the routes that have it; the description of the API gives it an example. */
export const asOfParam = {
  name: 'as_of',
  description: 'A moment that is not in the future, with its time zone',
  schema: { type: 'string', format: 'date-time' },
} as const;

/** Reads `{as_of}` of a path: a moment with its time zone, from 1970 on, that is not in the future. */
@Injectable()
export class PastMomentPipe implements PipeTransform<string, Date> {
  /** @throws {Problem} `validation_failed` if it is no moment, `unprocessable` if it has not come yet */
  transform(text: string): Date {
    const moment = instantPattern.test(text) ? new Date(text) : undefined;
    if (
      !moment ||
      Number.isNaN(moment.getTime()) ||
      moment.getUTCFullYear() < earliestYear ||
      !isRealDay(text)
    ) {
      throw new Problem('validation_failed', 'The moment in the path cannot be read.', {
        errors: [
          {
            pointer: '/path/as_of',
            code: 'instant',
            detail: 'must be a date and time with a time zone, such as 2026-02-05T18:52:18Z',
          },
        ],
      });
    }
    if (moment.getTime() > Date.now()) {
      throw new Problem(
        'unprocessable',
        'The moment in the path has not come yet; analytics do not predict.',
        { errors: [{ pointer: '/path/as_of', code: 'future', detail: 'must not lie in the future' }] },
      );
    }
    return moment;
  }
}
