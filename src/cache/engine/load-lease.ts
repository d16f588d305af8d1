import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.js';
import type { EntryName, Lease, Store } from './store.js';

/** What others wait at most when a process dies in the middle of a run, ms. */
const LEASE_MS = 1500;

/**
 * The right to run a method for all processes: renewed while the run takes, given back after it. Nothing depends on it
 * but the number of runs: a lease that is lost makes two of one.
 */
export class LoadLease {
  readonly lease: Lease = { owner: randomUUID(), ttlMs: LEASE_MS };
  readonly #store: Store;
  readonly #name: EntryName;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;

  constructor(store: Store, name: EntryName, clock: Clock) {
    this.#store = store;
    this.#name = name;
    this.#clock = clock;
  }

  /** @param isWorthIt  whether what is being computed may still be stored; if not, others need not wait for it */
  hold(isWorthIt: () => Promise<boolean>): void {
    this.#cancel = this.#clock.schedule(LEASE_MS / 3, () => {
      // If the store is away the lease runs out by itself.
      this.#renew(isWorthIt).catch(() => undefined);
    });
  }

  async release(): Promise<void> {
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = undefined;
    await this.disclaim();
  }

  /** Where nobody knows whether it was granted: the answer to that came too late, or not at all. */
  async disclaim(): Promise<void> {
    await this.#store.releaseLease(this.#name, this.lease.owner).catch(() => undefined);
  }

  async #renew(isWorthIt: () => Promise<boolean>): Promise<void> {
    const isRenewed = await this.#store.renewLease(this.#name, this.lease);
    if (!isRenewed || !this.#cancel) return;
    this.hold(isWorthIt);
    if (!(await isWorthIt())) await this.release();
  }
}
