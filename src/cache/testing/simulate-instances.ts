import type { Clock } from '../engine/clock.js';
import { L1Entries } from '../engine/l1-entries.js';
import { MemoryStore } from '../stores/memory.store.js';
import { FaultyStore } from './faulty-store.js';
import { SimulatedLink } from './simulated-link.js';

/** Enough for the entries of any test. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What `CacheModule.forRoot` needs to make an application one of several that share a store. */
export interface SimulatedInstance {
  readonly clock: Clock;
  /** This instance's way to the store that all share. */
  readonly store: FaultyStore;
  /** How this instance hears of the others' invalidations. */
  readonly backplane: SimulatedLink;
}

/**
 * Several processes of one service, in one process and without Redis: they share a store in memory, each on a way of its
 * own to it, and tell each other of invalidations. The faults of each one's ways are its own.
 *
 * @param count  how many
 * @param clock  one for all; a `FakeClock` makes every delay a matter of `advance`
 * @example `const [one, other] = simulateInstances(2, clock)`, then `CacheModule.forRoot({ ...one, jitter: 0 })`
 */
export function simulateInstances(count: number, clock: Clock): SimulatedInstance[] {
  const links = Array.from({ length: count }, () => new SimulatedLink(clock));
  const shared = new SharedStore(clock, links);
  return links.map((backplane) => ({ clock, store: new FaultyStore(shared, clock), backplane }));
}

/** Says what was invalidated to everybody, also to who did it, as Redis does. */
class SharedStore extends MemoryStore {
  override readonly isShared = true;
  readonly #links: readonly SimulatedLink[];

  constructor(clock: Clock, links: readonly SimulatedLink[]) {
    super(clock, new L1Entries(clock, MAX_BYTES));
    this.#links = links;
  }

  override async invalidate(hard: readonly string[], soft: readonly string[]): Promise<void> {
    await super.invalidate(hard, soft);
    for (const link of this.#links) link.say([...hard, ...soft]);
  }
}
