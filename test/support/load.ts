import { setTimeout as wait } from 'node:timers/promises';

export interface Answer {
  readonly status: number;
  /** The header `X-Cache`. */
  readonly cache: string | null;
  /** When it was asked for, as `performance.now()` tells. */
  readonly atMs: number;
  readonly ms: number;
}

const MAX_UNANSWERED = 32;
const STEP_MS = 5;

/**
 * Calls at a steady pace while `work` goes on, however long answers take, so that slow ones do not make the load
 * lighter; no more than `MAX_UNANSWERED` at a time.
 *
 * @param call gets the number of the call
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

  const pace = async () => {
    const since = performance.now();
    for (let n = 0; !isOver;) {
      const due = ((performance.now() - since) * perSecond) / 1000;
      for (; n < due && unanswered.size < MAX_UNANSWERED; n++) {
        const answered = call(n)
          .then(
            (answer) => void answers.push(answer),
            (error: unknown) => void (failure ??= error),
          )
          .finally(() => unanswered.delete(answered));
        unanswered.add(answered);
      }
      // What could not be asked in time is left out, or a slow machine would be asked it all at once.
      n = Math.max(n, Math.floor(due));
      await wait(STEP_MS);
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
  if (failure) throw new Error('a call was not answered', { cause: failure });
  return answers;
}

/** The time that no more than the given share of answers exceeds, ms; 0 without answers. */
export function quantileMs(answers: readonly Answer[], share: number): number {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

export function between(answers: readonly Answer[], fromMs: number, toMs = Infinity): Answer[] {
  return answers.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
}

export function shareOf(answers: readonly Answer[], cache: string): number {
  return answers.filter((answer) => answer.cache === cache).length / Math.max(1, answers.length);
}

export function failed(answers: readonly Answer[]): Answer[] {
  return answers.filter(({ status }) => status >= 400);
}
