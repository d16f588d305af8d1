import { FakeClock } from '../testing/fake-clock.js';
import type { CacheEntry } from './cache-entry.js';
import { heldEntry, type HeldEntry } from './held-entry.js';
import { L1Entries } from './l1-entries.js';

function entryOf(keyText: string, body: Buffer): CacheEntry {
  return { keyText, shape: '', tags: [], tokens: [], ttlMs: 1000, graceMs: 0, loadMs: 1, head: {}, body };
}

describe('L1Entries', () => {
  it('keeps what is used, half of its room, through a flood of what nobody asks for again', () => {
    const clock = new FakeClock();
    const l1 = new L1Entries(clock, 100_000);
    const hold = (keyText: string) => {
      l1.hold(heldEntry(entryOf(keyText, Buffer.alloc(4000)), 1000, clock.monotonicMs(), 0));
    };
    const used = Array.from({ length: 10 }, (_, n) => `used ${n}`);
    used.forEach(hold);

    for (let n = 0; n < 1000; n++) {
      expect(l1.find(used[n % used.length]!)).toBeDefined();
      hold(`once ${n}`);
    }

    expect(l1.size().bytes).toBeLessThanOrEqual(100_000);
    expect(l1.size().entries).toBeGreaterThan(used.length);
  });

  it('counts nothing for an entry that went to make room for what was to be kept beside it', () => {
    const clock = new FakeClock();
    const l1 = new L1Entries(clock, 100_000);
    const [first, second] = [entryOf('a', Buffer.alloc(40_000)), entryOf('b', Buffer.alloc(50_000))];
    l1.hold(heldEntry(second, 1000, clock.monotonicMs(), 0));
    const { bytes } = l1.size();
    l1.hold(heldEntry(first, 1000, clock.monotonicMs(), 0));
    l1.hold(heldEntry(second, 1000, clock.monotonicMs(), 0));
    expect(l1.find('b')).toBeDefined();

    expect(l1.charge(first, 45_000)).toBe(false);

    expect(l1.holds(first)).toBe(false);
    expect(l1.size()).toEqual({ entries: 1, bytes });
  });

  it('counts what is kept beside an entry for as long as it holds it, also when it is put there again', () => {
    const clock = new FakeClock();
    const l1 = new L1Entries(clock, 100_000);
    const entry = entryOf('a', Buffer.alloc(10));
    l1.hold(heldEntry(entry, 1000, clock.monotonicMs(), 0));
    l1.charge(entry, 5000);
    const { bytes } = l1.size();

    l1.hold(heldEntry(entry, 1000, clock.monotonicMs(), 0));
    expect(l1.size().bytes).toBe(bytes);
    l1.hold(heldEntry(entryOf('a', Buffer.alloc(10)), 1000, clock.monotonicMs(), 0));
    expect(l1.size().bytes).toBe(bytes - 5000);
  });

  it('leaves the place to a key whose entry is dropped or has ended, and gives it up where room is needed', () => {
    const clock = new FakeClock();
    const l1 = new L1Entries(clock, 100_000);
    const held = (keyText: string) =>
      heldEntry(entryOf(keyText, Buffer.alloc(4000)), 1000, clock.monotonicMs(), 0);
    const [dropped, ended, other] = ['dropped', 'ended', 'other'].map(held) as [
      HeldEntry,
      HeldEntry,
      HeldEntry,
    ];
    l1.hold(ended);
    l1.hold(dropped);
    const { bytes } = l1.size();

    l1.drop(other);
    l1.drop(dropped);
    clock.advance(1000);

    expect([l1.find('dropped'), l1.find('ended')]).toEqual([undefined, undefined]);
    expect([dropped, ended].map(({ entry }) => l1.holds(entry) || l1.charge(entry, 1))).toEqual([
      false,
      false,
    ]);
    expect(l1.size().entries).toBe(0);
    expect(l1.size().bytes).toBeGreaterThan(0);
    expect(l1.size().bytes).toBeLessThan(bytes / 4);
    l1.hold(held('dropped'));
    l1.hold(held('ended'));
    expect(l1.size()).toEqual({ entries: 2, bytes });
    for (let n = 0; n < 100_000; n++) {
      const next = held(`key ${n}`);
      l1.hold(next);
      l1.drop(next);
    }
    expect(l1.size().bytes).toBeLessThanOrEqual(100_000);
    expect(l1.size().entries).toBeLessThanOrEqual(1);
  });
});
