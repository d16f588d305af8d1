import { setTimeout as pause } from 'node:timers/promises';

const maxRetries = 3;
const firstPauseMs = 10;

/** Deadlock and serialisation failure: the whole transaction should be run again. */
const asking = new Set(['40P01', '40001']);

/** @param code  SQLSTATE of an error */
export function asksForAnotherRun(code: string): boolean {
  return asking.has(code);
}

/**
 * Runs `transaction`, and again (at most three times, after a random pause) if its error allows it.
 *
 * @param mayRunAgain  asked about each error after which a run is left; may also prepare that run
 */
export async function runAgain<T>(
  transaction: () => Promise<T>,
  mayRunAgain: (error: unknown) => boolean | Promise<boolean>,
): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await transaction();
    } catch (error) {
      if (retries === maxRetries || !(await mayRunAgain(error))) throw error;
      await pause(Math.random() * firstPauseMs * 2 ** retries);
    }
  }
}
