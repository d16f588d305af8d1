import { MemoryStore } from '../stores/memory.store.js';
import { FakeClock } from '../testing/fake-clock.js';
import { FaultyStore, type StoreOperation } from '../testing/faulty-store.js';
import { L1Entries } from './l1-entries.js';
import { tryStore } from './try-store.js';

function faulty(): FaultyStore {
  const clock = new FakeClock();
  return new FaultyStore(new MemoryStore(clock, new L1Entries(clock, 1_000_000)), clock);
}

it('finds nothing wrong with a store that works, and leaves nothing behind for long', async () => {
  const store = faulty();
  const written = jest.spyOn(store, 'write');
  const released = jest.spyOn(store, 'releaseLease');

  expect(await Promise.all([tryStore(store), tryStore(store)])).toEqual([undefined, undefined]);

  expect(written.mock.calls.map(([, { ttlMs, graceMs }]) => ttlMs + graceMs)).toEqual([5000, 5000]);
  expect(released).toHaveBeenCalledTimes(2);
});

it.each([
  ['read', 'open'],
  ['open', 'open'],
  ['write', 'write'],
  ['releaseLease', 'release'],
] satisfies [StoreOperation, string][])('names what fails first, and why: %s', async (operation, step) => {
  const store = faulty();
  store.fail(operation);

  expect(await tryStore(store)).toEqual({ step, reason: 'disconnected' });
});

it('misses what the store has confirmed and does not have', async () => {
  const store = faulty();
  store.lose('write');

  expect(await tryStore(store)).toEqual({ step: 'read', reason: 'lost' });
});
