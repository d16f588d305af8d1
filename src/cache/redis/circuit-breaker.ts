/** `closed`: the server is asked. `open`: it is not. `half-open`: asked again after an outage; the next answer decides. */
export type BreakerState = 'closed' | 'open' | 'half-open';

const MAX_FAILURES_IN_A_ROW = 5;
const WINDOW = 20;

/**
 * Decides whether a server is asked. It opens after five calls in a row without an answer, or when more than half of the
 * last twenty were slow or failed. A single failure does not open it, but puts the server in doubt: nobody asks until a probe
 * or a call under way is answered in time. So a server that hangs costs the budget of those who are asking, and no others'.
 *
 * It has no clock: the caller says what was slow.
 */
export class CircuitBreaker {
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #isDoubted = false;
  #failuresInARow = 0;
  #isBad: boolean[] = [];

  constructor(onChange: (state: BreakerState) => void) {
    this.#onChange = onChange;
  }

  get state(): BreakerState {
    return this.#state;
  }

  get allows(): boolean {
    return this.#state !== 'open' && !this.#isDoubted;
  }

  /** A call was answered, if only with an error. */
  answered(isSlow: boolean): void {
    this.#failuresInARow = 0;
    if (!isSlow) this.#isDoubted = false;
    this.#record(isSlow);
  }

  /** A call is taking long. */
  doubt(): void {
    this.#isDoubted = true;
  }

  /** A call was given up. If it could not wait long that says little about the server: it is doubted, but no failure counts. */
  timedOut(hadTime: boolean): void {
    this.#isDoubted = true;
    if (!hadTime) return;
    this.#failuresInARow++;
    this.#record(true);
  }

  /** A probe was answered in time. */
  probed(): void {
    this.#isDoubted = false;
    if (this.#state !== 'closed') this.#become(this.#state === 'open' ? 'half-open' : 'closed');
  }

  /** The connection is lost, or a probe is late. */
  broke(): void {
    this.#become('open');
  }

  #record(isBad: boolean): void {
    if (this.#state === 'half-open') {
      this.#become(isBad ? 'open' : 'closed');
      return;
    }
    this.#isBad.push(isBad);
    if (this.#isBad.length > WINDOW) this.#isBad.shift();
    const bad = this.#isBad.filter(Boolean).length;
    const isMostlyBad = this.#isBad.length === WINDOW && bad > WINDOW / 2;
    if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW || isMostlyBad) this.#become('open');
  }

  #become(state: BreakerState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#failuresInARow = 0;
    this.#isBad = [];
    this.#onChange(state);
  }
}
