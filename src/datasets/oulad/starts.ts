import { BadRow } from './fields.js';
import { isRealDay } from '../../http/real-day.js';
import { CommandRefused } from '../../command/run-command.js';

/** First days of presentations as the user gave them, ms since 1970; the key `*` is for all others. */
export type Starts = ReadonlyMap<string, number>;

/**
 * Reads `--start` options: `2013J=2013-10-05` for one presentation, `2026-01-12` for all.
 *
 * @throws {CommandRefused}
 */
export function readStarts(words: readonly string[]): Starts {
  return new Map(
    words.map((word) => {
      const match = /^(?:([A-Za-z0-9]{1,10})=)?(\d{4}-\d\d-\d\d)$/.exec(word);
      const day = match?.[2] ?? '';
      const ms = Date.parse(day);
      if (Number.isNaN(ms) || !isRealDay(day)) {
        throw new CommandRefused(
          '--start must be a date such as 2026-01-12, or 2013J=2013-10-05 for one presentation.',
        );
      }
      return [match?.[1] ?? '*', ms];
    }),
  );
}

/** The first day of a presentation: B starts in February, J in October; the exact day is not published. */
export function startOf(presentation: string, starts: Starts): number {
  const given = starts.get(presentation) ?? starts.get('*');
  if (given !== undefined) return given;
  const match = /^(\d{4})([BJ])$/.exec(presentation);
  if (!match)
    throw new BadRow(
      `code_presentation is not a year with B or J: --start ${presentation}=<date> would tell its first day`,
    );
  return Date.UTC(Number(match[1]), match[2] === 'B' ? 1 : 9, 1);
}
