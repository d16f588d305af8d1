import { randomUUID } from 'node:crypto';
import { reasonOf } from './cache-errors.js';
import { storeKey } from './cache-key.js';
import type { Store } from './store.js';
import { plainTag } from './tags.js';

/**
 * What a miss and the hit after it need: look an entry up and `open` it with its tokens and a lease, `write` it, `read` it
 * under the same tokens, `release` the lease.
 */
export type StoreStep = 'open' | 'write' | 'read' | 'release';

/** What a store could not do in a trial of it. */
export interface StoreFailure {
  readonly step: StoreStep;
  /** A code, such as `NOPERM` or `timeout`; `lost` where what was just kept is not there. */
  readonly reason: string;
}

const PREFIX = 'self_test';
/** For a look-up, ms; as long as whoever looks at a database waits for it. */
const PATIENCE_MS = 500;
/** What is kept for a trial goes away by itself, also where taking it away is what fails. */
const LIVES_MS = 5000;

/**
 * Does with an entry of its own what the cache does for every method, and says what fails first; never rejects.
 *
 * It invalidates nothing: what the store did not confirm would be owed from then on.
 */
export async function tryStore(store: Store): Promise<StoreFailure | undefined> {
  const keyText = `${PREFIX}|${randomUUID()}`;
  const name = { keyText, key: storeKey(PREFIX, keyText) };
  const tags = [plainTag(keyText)];
  const owner = randomUUID();
  const open = () => store.open(name, tags, LIVES_MS, PATIENCE_MS, { owner, ttlMs: LIVES_MS });
  let step: StoreStep = 'open';
  try {
    // Its own rights may be others than those of what begins a run.
    await store.read(name, tags, PATIENCE_MS);
    const { tokens } = await open();
    if (tokens.includes(undefined)) return { step, reason: 'lost' };
    step = 'write';
    const times = { ttlMs: LIVES_MS, graceMs: 0, loadMs: 0 };
    const kept = tokens.map(String);
    await store.write(name, {
      keyText,
      shape: '',
      tags,
      tokens: kept,
      ...times,
      head: {},
      body: Buffer.from('1'),
    });
    step = 'read';
    // Opened again, not only read: tokens that are there already are renewed, which takes another right.
    const found = await open();
    if (!found.stored || found.tokens.join() !== kept.join()) return { step, reason: 'lost' };
    step = 'release';
    await store.releaseLease(name, owner);
    return undefined;
  } catch (error) {
    return { step, reason: reasonOf(error) };
  }
}
