import type { Strike } from './strike.js';
import type { Operation } from './operation.js';
import { isStruck, type Window } from './windows.js';

/** What a strike leaves behind is over by then. */
const AFTERMATH_US = 2_000_000;
/** A machine that others use may keep Redis waiting for as many. */
const MOST_PENDING = 5;

/** What no strike explains. */
export interface Calm {
  /** Writes acknowledged as pending though nothing struck, nor had for two seconds before. */
  readonly pending: number;
  /** Reads that were answered with an error while nothing struck. */
  readonly refusedReads: number;
}

export function calmOf(
  operations: readonly Operation[],
  windows: readonly Window[],
  strikes: readonly Strike[],
): Calm {
  const felt = strikes.map((strike) => ({ ...strike, toUs: strike.toUs + AFTERMATH_US }));
  const pending = operations.filter(
    (operation) => operation.isPending && !felt.some((strike) => isStruck(operation, strike)),
  );
  const undisturbed = windows.find(({ name }) => name === undefined);
  return { pending: pending.length, refusedReads: undisturbed?.refusedReads ?? 0 };
}

/** Else pending writes, which may be unseen for a while, could hide what is old, and errors what is not read at all. */
export function isAsPromised({ pending, refusedReads }: Calm): boolean {
  return pending <= MOST_PENDING && refusedReads === 0;
}
