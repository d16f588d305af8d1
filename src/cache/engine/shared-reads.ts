import type { Budget } from './budget.js';
import type { Subject } from './subject.js';

/** One question about an entry, for all who ask in the same tick. It may take as long as the largest budget among them. */
interface SharedRead<T> {
  readonly subject: Subject;
  budget: Budget;
  readonly read: Promise<T>;
}

/**
 * Lets all who ask for one entry in the same tick share one question. It is sent after they came, so its answer is recent
 * enough for each of them.
 */
export class SharedReads<T> {
  readonly #read: (subject: Subject, budget: Budget) => Promise<T>;
  /** Questions that will be sent at the end of this tick, by key. */
  readonly #asked = new Map<string, SharedRead<T>>();

  constructor(read: (subject: Subject, budget: Budget) => Promise<T>) {
    this.#read = read;
  }

  read(subject: Subject, budget: Budget): Promise<T> {
    const { keyText } = subject;
    const asked = this.#asked.get(keyText);
    if (asked && isAlike(asked.subject, subject)) {
      if (budget.leftMs > asked.budget.leftMs) asked.budget = budget;
      return asked.read;
    }
    const shared: SharedRead<T> = {
      subject,
      budget,
      read: Promise.resolve().then(() => {
        this.#asked.delete(keyText);
        return this.#read(subject, shared.budget);
      }),
    };
    this.#asked.set(keyText, shared);
    return shared.read;
  }
}

function isAlike(one: Subject, other: Subject): boolean {
  return one.shape === other.shape && one.tags.join('\n') === other.tags.join('\n');
}
