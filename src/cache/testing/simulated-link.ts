import { HEARD_FOR_MS, type Backplane, type BackplaneListener, type CaughtUp } from '../engine/backplane.js';
import { pause, type Clock } from '../engine/clock.js';

/**
 * How one instance hears of the others' invalidations: whole at first, and a test can make every fault of it. Needs no
 * heartbeats: while it is whole it is proven at every moment that all has been heard which was said `delay` ago.
 */
export class SimulatedLink implements Backplane {
  readonly #clock: Clock;
  readonly #listeners: BackplaneListener[] = [];
  /** What was said and has not arrived, in order; each takes its own arrival back. */
  #onTheWay: { readonly tags: readonly string[]; readonly cancel: () => void }[] = [];
  #state: 'whole' | 'silent' | 'cut' = 'whole';
  #provenUntilMs = -Infinity;
  #delayMs = 0;

  /** @param clock  whose time delays go by */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get heardUntilMs(): number {
    if (this.#state === 'cut') return -Infinity;
    return this.#state === 'silent' ? this.#provenUntilMs : this.#proveUntil();
  }

  listen(listener: BackplaneListener): void {
    this.#listeners.push(listener);
  }

  /** One that is late answers late, and keeps nobody waiting for it; one that is silent or cut says so at once. */
  catchUp(): Promise<CaughtUp> {
    const arrived = () => this.#state === 'whole';
    if (this.#delayMs === 0) return Promise.resolve(arrived());
    return Promise.resolve({ late: pause(this.#clock, this.#delayMs).then(arrived) });
  }

  /** An invalidation is said; it arrives as the link's state has it. */
  say(tags: readonly string[]): void {
    if (this.#state !== 'whole') return;
    if (this.#delayMs === 0) {
      this.#deliver(tags);
      return;
    }
    const message = {
      tags,
      cancel: this.#clock.schedule(this.#delayMs, () => {
        this.#onTheWay = this.#onTheWay.filter((other) => other !== message);
        this.#deliver(tags);
      }),
    };
    this.#onTheWay.push(message);
  }

  /** Half open: nothing arrives any more, and only time tells. For one second what was heard is still relied on. */
  silence(): void {
    this.#provenUntilMs = this.heardUntilMs;
    this.#state = 'silent';
    this.#forgetOnTheWay();
  }

  /** Lost, and known to be: nothing arrives, and nothing is relied on. */
  cut(): void {
    this.#state = 'cut';
    this.#forgetOnTheWay();
  }

  /** Everything arrives `ms` after it was said, in order; so does the proof that nothing is missing. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Whole again. What is on the way arrives; if something may have been missed, the instance is told so. */
  restore(): void {
    const wasWhole = this.#state === 'whole';
    const arriving = this.#onTheWay;
    this.#forgetOnTheWay();
    this.#state = 'whole';
    this.#delayMs = 0;
    for (const { tags } of arriving) this.#deliver(tags);
    if (!wasWhole) for (const listener of this.#listeners) listener.onGap();
  }

  #proveUntil(): number {
    return this.#clock.monotonicMs() - this.#delayMs + HEARD_FOR_MS;
  }

  #deliver(tags: readonly string[]): void {
    for (const listener of this.#listeners) listener.onInvalidated(tags);
  }

  #forgetOnTheWay(): void {
    for (const { cancel } of this.#onTheWay) cancel();
    this.#onTheWay = [];
  }
}
