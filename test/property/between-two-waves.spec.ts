import { CurrentRun } from '../../src/cache/engine/current-run.js';
import { Subject } from '../../src/cache/engine/subject.js';
import { ANY, familyTag, plainTag, prefixTag } from '../../src/cache/engine/tags.js';
import { Batch } from '../../src/cache/keyed/batch.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { deferred, turn, type Deferred } from '../support/deferred.js';
import { simulatePartitions, type PartitionedStore } from '../support/partitioned-store.js';
import { pass, subjectParts, testEngine, type TestEngine } from '../support/test-engine.js';

/**
 * A cluster takes tokens away in two waves: families, and once that is confirmed the tags themselves. A run that begins
 * between them sees nothing of the invalidation by its family, and may use what is kept under the tag.
 */
describe('a run that begins between the two waves of an invalidation, and names the tag by its result', () => {
  let clock: FakeClock;
  let one: TestEngine<{ clock: FakeClock; store: PartitionedStore }>;
  let others: PartitionedStore;
  let tag: string;
  let inDatabase: string;
  let mayRead: Deferred<void>;
  let mayEnd: Deferred<void>;
  let acknowledged: Promise<void>;

  beforeEach(() => {
    clock = new FakeClock();
    const [mine, theirs] = simulatePartitions(2, 2, clock) as [PartitionedStore, PartitionedStore];
    others = theirs;
    let row = 0;
    while (mine.partOf(plainTag(`row:${row}`)) === mine.partOf(familyTag(plainTag('row')))) row++;
    tag = plainTag(`row:${row}`);
    one = testEngine({ clock, store: mine });
    inDatabase = 'old';
    mayRead = deferred();
    mayEnd = deferred();
  });

  const get = async (prefix: string, isNamedByResult: boolean, run: () => Promise<string>) => {
    const subject = new Subject({
      ...subjectParts({}, prefix),
      prefix,
      furtherTags: { mayBeNamed: isNamedByResult, families: [plainTag('row')] },
      tags: () => [prefixTag(prefix), ...(isNamedByResult ? [] : [tag])],
    });
    const { value } = await one.get(subject, run, isNamedByResult ? [tag] : [], 1_000_000);
    return value;
  };
  const inner = () =>
    get('inner', false, async () => {
      const read = inDatabase;
      await mayRead.promise;
      return read;
    });
  const outer = (ask = inner) =>
    get('outer', true, async () => {
      const value = await ask();
      await mayEnd.promise;
      return value;
    });

  /** Commits, and has the families taken away, and not yet the tag. */
  async function beginWrite(): Promise<void> {
    inDatabase = 'new';
    others.partOf(tag).delay(30, 'invalidate');
    acknowledged = others.invalidate([ANY, familyTag(tag), tag], [], 150);
    await turn();
  }

  async function endWrite(): Promise<void> {
    await pass(clock, 50);
    await acknowledged;
  }

  it.each([
    ['is kept', (ask: () => Promise<string>) => ask],
    [
      'is kept, and is asked for together with others',
      (ask: () => Promise<string>) => {
        const batch = new Batch<string>(async (keys) => {
          const value = await ask();
          return new Map(keys.map((key) => [key, value]));
        });
        return async () => {
          CurrentRun.outside(() => void batch.get('of another'));
          return (await batch.get('inner')) ?? '';
        };
      },
    ],
  ])('gives what it used to nobody who comes after the write: what %s', async (_, asked) => {
    mayRead.resolve();
    await inner();
    await turn();
    await beginWrite();

    const before = outer(asked(inner));
    await turn();
    await turn();
    await endWrite();
    const after = outer(asked(inner));
    await turn();
    mayEnd.resolve();

    expect(await before).toBe('old');
    expect(await after).toBe('new');
    await turn();
    expect(await outer(asked(inner))).toBe('new');
  });

  it('gives what it used to nobody who comes after the write: what another was making', async () => {
    const underWay = inner();
    await turn();
    await beginWrite();

    const before = outer();
    await turn();
    mayRead.resolve();
    await turn();
    await endWrite();
    const after = outer();
    await turn();
    mayEnd.resolve();

    expect([await underWay, await before]).toEqual(['old', 'old']);
    expect(await after).toBe('new');
    await turn();
    expect(await outer()).toBe('new');
  });

  it('tells nobody who comes after the write of a failure that came of what it used', async () => {
    const demanding = () =>
      get('outer', true, async () => {
        const value = await inner();
        await mayEnd.promise;
        if (value === 'old') throw new Error('not there yet');
        return value;
      });
    mayRead.resolve();
    await inner();
    await turn();
    await beginWrite();

    const before = demanding().catch(() => 'failed');
    await turn();
    await turn();
    await endWrite();
    const after = demanding();
    await turn();
    mayEnd.resolve();

    expect(await before).toBe('failed');
    expect(await after).toBe('new');
  });

  it('is kept where what it used is still good', async () => {
    mayRead.resolve();
    mayEnd.resolve();
    await inner();
    await outer();
    await turn();

    expect(await get('outer', true, () => Promise.reject(new Error('made again')))).toBe('old');
  });
});
