import { setTimeout as wait } from 'node:timers/promises';
import { isMeasuring } from './figures.js';

export interface Answer {
  readonly status: number;
  /** The header `X-Cache`. */
  readonly cache: string | null;
  /** When it was asked for, as `performance.now()` tells. */
  readonly atMs: number;
  readonly ms: number;
}

const MAX_UNANSWERED = 1000;

/** No answer for so long is none. Times are judged where the machine is idle. */
export const PATIENCE_MS = isMeasuring ? 2000 : Infinity;

/**
 * Calls at a steady pace while `work` goes on, however long answers take, so that slow ones do not make the load
 * lighter. Times count from the moment a call was due: who asks late because something stood still has waited too.
 *
 * @param call gets the number of the call
 * @throws {Error} if `MAX_UNANSWERED` calls wait at once: the load was not what it claims to be
 */
export async function underLoad(
  perSecond: number,
  call: (n: number) => Promise<Answer>,
  work: () => Promise<void>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const unanswered = new Set<Promise<void>>();
  let isOver = false;
  let failure: unknown;

  const ask = async (n: number, dueMs: number) => {
    const lateMs = performance.now() - dueMs;
    const answer = await call(n);
    answers.push({ ...answer, atMs: dueMs, ms: answer.ms + lateMs });
  };
  const pace = async () => {
    const since = performance.now();
    for (let n = 0; !isOver && !failure;) {
      const dueMs = since + (n * 1000) / perSecond;
      const earlyMs = dueMs - performance.now();
      if (earlyMs > 0) {
        await wait(earlyMs);
        continue;
      }
      if (unanswered.size >= MAX_UNANSWERED) {
        failure = new Error(`${MAX_UNANSWERED} calls wait: the others could not be made`);
        break;
      }
      const asked = ask(n++, dueMs)
        .catch((error: unknown) => void (failure ??= error))
        .finally(() => unanswered.delete(asked));
      unanswered.add(asked);
    }
    await Promise.all(unanswered);
  };
  const pacing = pace();
  try {
    await work();
  } finally {
    isOver = true;
    await pacing;
  }
  if (failure) throw new Error('a call was not answered, or not made', { cause: failure });
  return answers;
}

/** What a load gives while there is no fault; where that is measured, for longer, and when all code has run before. */
export async function usualLoad(perSecond: number, call: (n: number) => Promise<Answer>): Promise<Answer[]> {
  if (isMeasuring) await underLoad(perSecond, call, () => wait(2000));
  return underLoad(perSecond, call, () => wait(isMeasuring ? 3000 : 1000));
}

/** The time that no more than the given share of answers exceeds, ms; not a number without answers. */
export function quantileMs(answers: readonly Answer[], share: number): number {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
}

export function between(answers: readonly Answer[], fromMs: number, toMs = Infinity): Answer[] {
  return answers.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
}

/** Between 0 and 1; not a number without answers. */
export function shareOf(answers: readonly Answer[], cache: string): number {
  return answers.filter((answer) => answer.cache === cache).length / answers.length;
}

/**
 * Errors, and, where times are measured, what took longer than anybody waits.
 *
 * @throws {Error} without answers: where nobody asked, nothing can fail
 */
export function failed(answers: readonly Answer[]): Answer[] {
  if (answers.length === 0) throw new Error('there is no answer of which to say whether it failed');
  return answers.filter(({ status, ms }) => status >= 400 || ms > PATIENCE_MS);
}
