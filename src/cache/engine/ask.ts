import type { Budget } from './budget.js';
import { reasonOf } from './cache-errors.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { EntryStore } from './entry-store.js';
import type { Subject } from './subject.js';

/** Puts one question to the store, if the budget allows it. `undefined`: there was no answer. Never rejects. */
export type Ask = <T>(
  subject: Subject,
  budget: Budget,
  question: (entries: EntryStore) => Promise<T>,
) => Promise<{ readonly answer: T } | undefined>;

/** Every question to the store that somebody waits for goes this way: after a first failure the request asks no more. */
export function asking(entries: EntryStore, emit: EmitCacheEvent): Ask {
  return (subject, budget, question) => {
    if (!entries.isAvailable || budget.leftMs === 0) {
      budget.exhaust();
      return Promise.resolve(undefined);
    }
    const failed = (error: unknown) => {
      budget.exhaust();
      emit({ event: 'cache.get_error', subject, reason: reasonOf(error) });
      return undefined;
    };
    budget.start();
    try {
      return question(entries).then((answer) => {
        budget.stop();
        return { answer };
      }, failed);
    } catch (error) {
      failed(error);
      return Promise.resolve(undefined);
    }
  };
}
