// Moments at which a process tells its parent where it is, so that something happens to it just there. Nothing in the
// product knows of them.
import { once } from 'node:events';
import { RedisStore } from '../../src/cache/stores/redis.store.js';
import { original } from './planted-faults.js';

/** What the parent is told. */
export type HeldMoment = 'has read' | 'is about to invalidate';

/** For a process whose parent does not kill it after all. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * The first time that the store is to invalidate `tag` it does not: the process says so, and does nothing more until it is
 * killed. What other processes owe it settles as ever.
 */
export function dieOwing(tag: string): void {
  const invalidate = original('invalidate');
  RedisStore.prototype.invalidate = function (this: RedisStore, hard, soft, budgetMs) {
    if (!hard.includes(tag)) return invalidate.call(this, hard, soft, budgetMs);
    tell('is about to invalidate', () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FORGOTTEN_AFTER_MS);
      process.exit(1);
    });
    return new Promise(() => undefined);
  };
}

/** Between an answer of the database and what is made of it: goes on with the next message of the parent. */
export async function heldRead(): Promise<void> {
  const isToGoOn = once(process, 'message');
  tell('has read', () => undefined);
  await isToGoOn;
}

function tell(moment: HeldMoment, onTold: () => void): void {
  process.send?.(moment, onTold);
}
