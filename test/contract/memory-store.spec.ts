import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { figure, isMeasuring } from '../support/figures.js';
import { aName, entryOf, storeContract } from './store.contract.js';

jest.setTimeout(isMeasuring ? 300_000 : 30_000);

describe('the in-process store', () => {
  const clock = new FakeClock();
  const newStore = (maxBytes: number) => new MemoryStore(clock, new L1Entries(clock, maxBytes));
  const store = newStore(1_000_000);

  storeContract(
    () => store,
    (ms) => {
      clock.advance(ms);
      return Promise.resolve();
    },
  );

  it('F46: stays within its bytes, and lets go first of what nobody asked for', async () => {
    const small = newStore(20_000);
    const names = Array.from({ length: 14 }, () => aName());
    const write = (some: typeof names) =>
      Promise.all(some.map((name) => small.write(name, entryOf(name, Buffer.alloc(1_000)))));
    const isHeld = async (index: number) => (await small.read(names[index]!, [])).stored !== undefined;
    await write(names.slice(0, 8));
    await isHeld(0);

    await write(names.slice(8));

    expect(small.size().bytes).toBeLessThanOrEqual(20_000);
    expect(await Promise.all([0, 1, 13].map(isHeld))).toEqual([true, false, true]);
  });

  it('F46: makes room for a new entry also where all others are in use', async () => {
    const small = newStore(20_000);
    const names = Array.from({ length: 12 }, () => aName());
    const isHeld = async (name: (typeof names)[0]) => (await small.read(name, [])).stored !== undefined;

    for (const name of names) {
      await small.write(name, entryOf(name, Buffer.alloc(3_000)));
      expect(await isHeld(name)).toBe(true);
    }

    expect(small.size().bytes).toBeLessThanOrEqual(20_000);
  });

  it('F46: takes no more memory for however many keys come', async () => {
    const [keys, maxBytes] = [isMeasuring ? 1_000_000 : 20_000, 8_000_000];
    const small = newStore(maxBytes);
    const rssBefore = process.memoryUsage.rss();

    for (let n = 0; n < keys; n++) {
      const name = aName();
      await small.write(name, entryOf(name, Buffer.alloc(2 ** (n % 17))));
    }

    figure('F46', 'keys', keys);
    figure('F46', 'RSS over idle, MB', (process.memoryUsage.rss() - rssBefore) / 1e6, { atMost: 256 });
    expect(small.size().bytes).toBeLessThanOrEqual(maxBytes);
    expect(small.size().entries).toBeGreaterThan(0);
  });

  it('does not keep an entry that is larger than all its room', async () => {
    const small = newStore(10_000);
    const [kept, huge] = [aName(), aName()];
    await small.write(kept, entryOf(kept, Buffer.alloc(100)));

    await small.write(huge, entryOf(huge, Buffer.alloc(20_000)));

    expect((await small.read(huge, [])).stored).toBeUndefined();
    expect((await small.read(kept, [])).stored?.entry.body).toEqual(Buffer.alloc(100));
  });
});
