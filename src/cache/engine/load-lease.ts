import { randomUUID } from 'node:crypto';
import { pause, type Clock } from './clock.js';
import type { EntryName, Lease, Store } from './store.js';

/** How long others wait when a process dies in the middle of a run, ms. */
const LEASE_MS = 1500;
const DISCLAIM_POLL_MS = 50;

/**
 * The right to run a method for all processes. It is renewed during the run, but no longer than anybody waits for one, and
 * given back after it. Only the number of runs depends on it: if a lease is lost, the method runs twice.
 */
export class LoadLease implements Lease {
  readonly owner = randomUUID();
  readonly ttlMs = LEASE_MS;
  readonly #store: Store;
  readonly #name: EntryName;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;

  constructor(store: Store, name: EntryName, clock: Clock) {
    this.#store = store;
    this.#name = name;
    this.#clock = clock;
  }

  /**
   * Renews it until it is released.
   *
   * @param untilMs    by the monotonic clock, when it is released at the latest
   * @param isWorthIt  whether the result of the run may still be stored; if not, others need not wait for it
   */
  hold(untilMs: number, isWorthIt: () => Promise<boolean>): void {
    this.#cancel = this.#clock.schedule(LEASE_MS / 3, () => {
      // If the store is away the lease runs out by itself.
      this.#renew(untilMs, isWorthIt).catch(() => undefined);
    });
  }

  async release(): Promise<void> {
    if (this.#end() && !(await this.#giveBack())) void this.disclaim();
  }

  /** As {@link release}, by what also writes the entry: one question to the store in place of two. @throws what `write` throws */
  async releaseBy(write: (owner: string | undefined) => Promise<void>): Promise<void> {
    const isHeld = this.#end();
    try {
      await write(isHeld ? this.owner : undefined);
    } catch (error) {
      if (isHeld) void this.disclaim();
      throw error;
    }
  }

  /**
   * Gives back a lease that may have been granted, although the answer came too late or not at all, or that could not be given
   * back before. While the store is away that is tried again, for as long as a lease lasts. A store that stands still for
   * longer may grant it only then, and others wait until it runs out. Never rejects.
   */
  async disclaim(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + LEASE_MS;
    while (!(this.#store.isAvailable() && (await this.#giveBack())) && this.#clock.monotonicMs() < untilMs) {
      await pause(this.#clock, DISCLAIM_POLL_MS);
    }
  }

  /** Renews it no more. @returns whether it is held */
  #end(): boolean {
    const cancel = this.#cancel;
    this.#cancel = undefined;
    cancel?.();
    return cancel !== undefined;
  }

  /** @returns whether the store has answered */
  #giveBack(): Promise<boolean> {
    return this.#store.releaseLease(this.#name, this.owner).then(
      () => true,
      () => false,
    );
  }

  async #renew(untilMs: number, isWorthIt: () => Promise<boolean>): Promise<void> {
    if (this.#clock.monotonicMs() >= untilMs) return this.release();
    const isRenewed = await this.#store.renewLease(this.#name, this);
    if (!isRenewed || !this.#cancel) return;
    this.hold(untilMs, isWorthIt);
    if (!(await isWorthIt())) await this.release();
  }
}
