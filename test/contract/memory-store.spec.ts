import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import { FakeClock } from '../support/fake-clock.js';
import { storeContract } from './store.contract.js';

describe('the in-process store', () => {
  const clock = new FakeClock();
  const store = new MemoryStore(clock, 1_000_000);

  storeContract(
    () => store,
    (ms) => {
      clock.advance(ms);
      return Promise.resolve();
    },
  );

  it('stays within its bytes, and lets go first of what was used longest ago', async () => {
    const small = new MemoryStore(clock, 10_000);
    const body = Buffer.alloc(1_000);
    for (let n = 0; n < 8; n++) await small.write(`k${n}`, body, 60_000);
    await small.read('k0', []);

    for (let n = 8; n < 14; n++) await small.write(`k${n}`, body, 60_000);

    expect(small.size().bytes).toBeLessThanOrEqual(10_000);
    expect((await small.read('k0', [])).entry).toEqual(body);
    expect((await small.read('k1', [])).entry).toBeUndefined();
    expect((await small.read('k13', [])).entry).toEqual(body);
  });

  it('does not keep an entry that is larger than all its room', async () => {
    const small = new MemoryStore(clock, 10_000);
    await small.write('kept', Buffer.alloc(100), 60_000);

    await small.write('huge', Buffer.alloc(20_000), 60_000);

    expect((await small.read('huge', [])).entry).toBeUndefined();
    expect((await small.read('kept', [])).entry).toEqual(Buffer.alloc(100));
  });
});
