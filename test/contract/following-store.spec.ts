import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import type { Store } from '../../src/cache/engine/store.js';
import { ANY, EPOCH, familyTag } from '../../src/cache/engine/tags.js';
import type { OutboxNews } from '../../src/cache/outbox/outbox.js';
import { FollowingStore } from '../../src/cache/stores/following.store.js';
import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import { FakeClock, simulateInstances, type FaultyStore } from '../../src/cache/testing/index.js';
import { deferred, turn } from '../support/deferred.js';
import { simulatePartitions, type PartitionedStore } from '../support/partitioned-store.js';
import { SimulatedOutbox } from '../support/simulated-outbox.js';
import { aName, entryOf, storeContract } from './store.contract.js';

const MAX_BYTES = 64 * 1024 * 1024;
const BUDGET_MS = 50;
const [course, other] = ['tag/course:1', 'tag/course:2'];
const tags = [EPOCH, course];

let clock: FakeClock;
let outbox: SimulatedOutbox;
/** The way to what all share. */
let shared: FaultyStore;
let elsewhere: FaultyStore;
let store: FollowingStore;

beforeEach(() => {
  clock = new FakeClock();
  outbox = new SimulatedOutbox(clock);
  const [here, there] = simulateInstances(2, clock);
  shared = here!.store;
  elsewhere = there!.store;
  store = new FollowingStore(shared, outbox, clock, new L1Entries(clock, MAX_BYTES));
});

afterEach(() => {
  jest.restoreAllMocks();
});

const advance = (ms: number) => {
  clock.advance(ms);
  return Promise.resolve();
};
/** A store whose invalidations reach not all. */
function unconfirmed(one: FollowingStore): Store {
  return {
    kind: one.kind,
    isShared: one.isShared,
    isAvailable: () => one.isAvailable(),
    read: (...asked) => one.read(...asked),
    open: (...asked) => one.open(...asked),
    tokens: (...asked) => one.tokens(...asked),
    partitionOf: (tag) => one.partitionOf(tag),
    write: (...asked) => one.write(...asked),
    // What is shared has not confirmed it, and says so.
    invalidate: (...asked) => one.invalidate(...asked).catch(() => undefined),
    // What is not leased here may be leased there.
    renewLease: (...asked) => one.renewLease(...asked).catch(() => false),
    releaseLease: (...asked) => one.releaseLease(...asked).catch(() => undefined),
    size: () => one.size(),
  };
}
const tokens = (of: readonly string[] = tags) => store.tokens(of, BUDGET_MS);
const opened = async (of: readonly string[] = tags) =>
  (await store.open(aName(), of, 60_000, BUDGET_MS)).tokens;
/** As another process does that reaches what all share: with the outbox told before, and settled after. */
async function invalidateElsewhere(of: readonly string[]): Promise<void> {
  const settle = outbox.commit(of);
  await elsewhere.invalidate([ANY, ...of.map(familyTag), ...of], [], BUDGET_MS);
  settle();
}

describe('a store that follows the outbox', () => {
  describe('while what is shared is there', () => {
    storeContract(
      () => store,
      advance,
      () => clock,
    );

    it('asks the outbox nothing', async () => {
      await opened();
      await tokens();

      expect(outbox.asked).toBe(0);
    });
  });

  describe('while what is shared is away', () => {
    beforeEach(() => {
      shared.fail();
    });

    storeContract(
      () => unconfirmed(store),
      advance,
      () => clock,
    );

    it('is there, and says of each run that others run it, too', async () => {
      expect(store.isAvailable()).toBe(true);
      expect(await store.open(aName(), tags, 60_000, BUDGET_MS)).toMatchObject({ isPerProcess: true });
    });

    it('tells whoever invalidates that this was not confirmed', async () => {
      await expect(store.invalidate([course], [], BUDGET_MS)).rejects.toMatchObject({
        code: 'CACHE_STORE_UNAVAILABLE',
      });
    });

    it('is away itself for a second after the outbox did not answer', async () => {
      jest.spyOn(outbox, 'follow').mockRejectedValueOnce(new Error('the database is away'));

      await expect(tokens()).rejects.toMatchObject({ code: 'CACHE_STORE_UNAVAILABLE' });
      expect(store.isAvailable()).toBe(false);
      clock.advance(1000);
      expect(store.isAvailable()).toBe(true);
      await expect(tokens()).resolves.toEqual([undefined, undefined]);
    });

    it('waits no longer than 200 ms for an outbox that says nothing', async () => {
      jest.spyOn(outbox, 'follow').mockReturnValueOnce(deferred<OutboxNews>().promise);

      await expect(tokens()).rejects.toMatchObject({ code: 'CACHE_STORE_UNAVAILABLE' });
    });

    it('asks once for all who wait, and again for whoever comes after it was asked', async () => {
      const first = deferred<OutboxNews>();
      const follow = jest.spyOn(outbox, 'follow').mockReturnValueOnce(first.promise);

      const before = tokens();
      await advance(0);
      const after = Promise.all([tokens(), tokens(), store.read(aName(), tags, BUDGET_MS)]);
      first.resolve({ mark: '0', invalidated: [] });
      await Promise.all([before, after]);

      expect(follow).toHaveBeenCalledTimes(2);
    });

    it('believes what it made until the outbox says otherwise', async () => {
      const made = await opened([...tags, other]);

      await invalidateElsewhere([other]);

      expect(await tokens([...tags, other])).toEqual([made[0], made[1], undefined]);
    });

    it('knows a soft mark for one', async () => {
      const [made] = await opened([course]);

      outbox.commit([`~${course}`]);

      const [now] = await tokens([course]);
      expect(now).not.toBe(made);
      expect(now?.split('.')[0]).toBe(made?.split('.')[0]);
    });

    it('takes a row that is settled for another invalidation', async () => {
      const settle = outbox.commit([course]);
      const made = await opened([course]);
      expect(await tokens([course])).toEqual(made);

      settle();

      expect(await tokens([course])).toEqual([undefined]);
    });

    it('believes nothing any more where the outbox cannot tell all', async () => {
      await opened();
      jest.spyOn(outbox, 'follow').mockResolvedValueOnce({ mark: '9', invalidated: undefined });

      expect(await tokens()).toEqual([undefined, undefined]);
    });

    it('nor where it has not asked for longer than the outbox tells for certain', async () => {
      const made = await opened();

      clock.advance(25_000);
      expect(await tokens()).toEqual(made);
      clock.advance(25_001);
      expect(await tokens()).toEqual([undefined, undefined]);
    });
  });

  describe('when what is shared goes away', () => {
    it('goes on with the tokens that it named within the last 25 s', async () => {
      const named = await opened();
      clock.advance(24_999);
      shared.fail();

      expect(await tokens()).toEqual(named);
    });

    it('answers also those who were asking it', async () => {
      const named = await opened();
      shared.replyLate(2 * BUDGET_MS, 'tokens', 'read');

      const asking = [tokens(), store.read(aName(), tags, BUDGET_MS).then((read) => read.tokens)];
      shared.fail();
      await advance(BUDGET_MS);

      expect(await Promise.all(asking)).toEqual([named, named]);
    });

    it('but for those whom it refuses while it is there, and asks it once for them', async () => {
      await opened();
      shared.fail('tokens', 'read');

      await expect(tokens()).rejects.toMatchObject({ code: 'CACHE_STORE_UNAVAILABLE' });
      expect(shared.calls('tokens')).toBe(1);
    });

    it('and with none that is older, or that it has not asked for', async () => {
      await opened();
      await elsewhere.open(aName(), [other], 60_000, BUDGET_MS);
      clock.advance(25_000);
      shared.fail();

      expect(await tokens([...tags, other])).toEqual([undefined, undefined, undefined]);
    });

    it.each([
      ['was invalidated since', async () => invalidateElsewhere([course])],
      ['is about to be', () => Promise.resolve(outbox.commit([course]))],
    ])('nor with that of what %s', async (_, invalidate) => {
      const [epoch] = await opened();
      await invalidate();
      shared.fail();

      expect(await tokens()).toEqual([epoch, undefined]);
    });

    it('which it would be, were what is settled not kept', async () => {
      jest.replaceProperty(SimulatedOutbox, 'keptMs', 0);
      const named = await opened();
      await invalidateElsewhere([course]);
      shared.fail();

      expect(await tokens()).toEqual(named);
    });

    it.each<[string, string[], string[]]>([
      ['hard', [course], []],
      ['softly', [], [course]],
    ])(
      'nor of what this process has invalidated, also where nobody has confirmed that: %s',
      async (_, hard, soft) => {
        const [epoch] = await opened();
        shared.fail('invalidate');
        await store.invalidate(hard, soft, BUDGET_MS).catch(() => undefined);
        shared.fail();

        expect(await tokens()).toEqual([epoch, undefined]);
      },
    );

    it('also the second time, for what was invalidated in between', async () => {
      await opened();
      shared.fail();
      await tokens();
      shared.restore();
      await opened();
      await invalidateElsewhere([course]);
      shared.fail();

      expect((await tokens())[1]).toBeUndefined();
    });

    it('keeps to itself what it made under tokens of its own', async () => {
      const name = aName();
      shared.fail();
      const { tokens: made } = await store.open(name, [course], 60_000, BUDGET_MS);
      shared.restore();

      await store.write(name, { ...entryOf(name, 'a'), tags: [course], tokens: made.map(String) });

      expect((await elsewhere.read(name, [], BUDGET_MS)).stored).toBeUndefined();
    });

    it('gives a lease back where it was taken', async () => {
      const [name, lease] = [aName(), { owner: 'me', ttlMs: 5000 }];
      const [theirs, others] = [aName(), { owner: 'others', ttlMs: 5000 }];
      await store.open(theirs, [course], 60_000, BUDGET_MS, lease);
      shared.fail();
      await store.open(name, [course], 60_000, BUDGET_MS, lease);
      shared.restore();

      expect(await store.renewLease(name, lease)).toBe(true);
      await Promise.all([name, theirs].map((one) => store.releaseLease(one, 'me')));
      expect(await store.renewLease(name, lease)).toBe(false);
      expect(await elsewhere.open(theirs, [course], 60_000, BUDGET_MS, others)).toMatchObject({
        hasLease: true,
      });
    });
  });

  describe('of what was named before what is shared went away, and is asked for only later', () => {
    const halves = (token: string | undefined) => token?.split('.') ?? [];
    /** The outbox tells all when the one is asked for. @returns the token of the other */
    async function goAway(): Promise<string | undefined> {
      const [, named] = await opened([course, other]);
      shared.fail();
      await tokens([course]);
      return named;
    }

    it('goes on with that, however much later, and looks at nothing else', async () => {
      const many = Array.from({ length: 100 }, (_, n) => `tag/many:${n}`);
      await opened(many);
      const adopt = jest.spyOn(MemoryStore.prototype, 'adopt');
      const named = await goAway();
      for (let asked = 0; asked < 3; asked++) {
        clock.advance(20_000);
        await tokens([course]);
      }

      expect(await tokens([other])).toEqual([named]);
      expect(adopt.mock.calls.map(([tag]) => tag)).toEqual([course, other]);
    });

    it('asks the outbox for no more than what is new', async () => {
      await goAway();
      const follow = jest.spyOn(outbox, 'follow');
      await tokens([other]);

      expect(follow.mock.calls).toEqual([[expect.any(String)]]);
    });

    it('but for what was too old when the outbox told all', async () => {
      await opened([other]);
      clock.advance(10_000);
      await opened([course]);
      clock.advance(15_000);
      shared.fail();
      await tokens([course]);

      expect(await tokens([other])).toEqual([undefined]);
    });

    it.each([
      ['is asked about it', [other]],
      ['is asked about something else', [course]],
    ])('hears of a hard invalidation when the outbox %s', async (_, asked) => {
      await goAway();
      outbox.commit([other]);
      await tokens(asked);

      expect(await tokens([other])).toEqual([undefined]);
    });

    it.each([
      ['is asked about it', [other]],
      ['is asked about something else', [course]],
    ])('and of a soft one, which only outdates it, when the outbox %s', async (_, asked) => {
      const named = await goAway();
      outbox.commit([`~${other}`]);
      await tokens(asked);

      const [now] = await tokens([other]);
      expect(now).not.toBe(named);
      expect(halves(now)[0]).toBe(halves(named)[0]);
      expect(await tokens([other])).toEqual([now]);
    });

    it('and of one of before, with all else', async () => {
      const [named] = await opened([other]);
      outbox.commit([`~${other}`]);
      shared.fail();

      const [now] = await tokens([other]);
      expect(now).not.toBe(named);
      expect(halves(now)[0]).toBe(halves(named)[0]);
      expect(await tokens([other])).toEqual([now]);
    });

    it('knows what this process has invalidated, softly or not', async () => {
      const named = await goAway();
      await store.invalidate([], [other], BUDGET_MS).catch(() => undefined);

      const [now] = await tokens([other]);
      expect(now).not.toBe(named);
      expect(halves(now)[0]).toBe(halves(named)[0]);
      await store.invalidate([other], [], BUDGET_MS).catch(() => undefined);
      expect(await tokens([other])).toEqual([undefined]);
    });

    it.each([
      [
        'the outbox cannot tell all',
        () => {
          jest.spyOn(outbox, 'follow').mockResolvedValueOnce({ mark: '0', invalidated: undefined });
        },
      ],
      [
        'everything is invalidated',
        () => {
          outbox.commit([EPOCH]);
        },
      ],
      [
        'the outbox was not asked for too long',
        () => {
          clock.advance(25_001);
        },
      ],
    ])('forgets it where %s', async (_, happen) => {
      await goAway();
      happen();
      await tokens([course]);

      expect(await tokens([other])).toEqual([undefined]);
    });

    it('takes it over once: what became of it then stays so', async () => {
      const named = await goAway();
      expect(await tokens([other])).toEqual([named]);

      outbox.commit([`~${other}`]);
      const outdated = await tokens([other]);
      expect(outdated).not.toEqual([named]);
      expect(await tokens([other])).toEqual(outdated);

      outbox.commit([other]);
      expect(await tokens([other])).toEqual([undefined]);
      const made = await opened([other]);
      expect(await tokens([other])).toEqual(made);
    });

    it('hears the second time of what was invalidated in between', async () => {
      await goAway();
      shared.restore();
      await invalidateElsewhere([other]);
      shared.fail();

      expect(await tokens([other])).toEqual([undefined]);
    });

    describe.each([
      ['was named before, too', true],
      ['was not', false],
    ])('believes no answer to a question of before an invalidation, about what %s,', (_, isKnown) => {
      let answer: Promise<readonly (string | undefined)[]>;

      beforeEach(async () => {
        await elsewhere.open(aName(), [other], 60_000, BUDGET_MS);
        await opened(isKnown ? [course, other] : [course]);
        clock.advance(1);
        shared.replyLate(10, 'tokens');
        answer = tokens([other]);
        await turn();
        await invalidateElsewhere([other]);
        shared.fail();
      });

      /** The answer comes after the outbox was asked, and before it tells. */
      async function askMeanwhile(about: readonly string[]) {
        const mayTell = deferred();
        const follow = outbox.follow.bind(outbox);
        jest.spyOn(outbox, 'follow').mockImplementationOnce(async (mark) => {
          const news = await follow(mark);
          await mayTell.promise;
          return news;
        });
        const asking = tokens(about);
        await turn();
        clock.advance(10);
        expect(await answer).not.toEqual([undefined]);
        mayTell.resolve();
        return asking;
      }

      it('that comes while the outbox is asked for all', async () => {
        await askMeanwhile([course]);

        expect(await tokens([other])).toEqual([undefined]);
      });

      it('nor one that comes while it is asked for what is new only', async () => {
        await tokens([course]);

        expect(await askMeanwhile([other])).toEqual([undefined]);
        expect(await tokens([other])).toEqual([undefined]);
      });
    });
  });

  describe('while a part of what is shared is away', () => {
    let mine: PartitionedStore;
    let others: PartitionedStore;
    /** Of each part, the first of that which is away. */
    let [lost, kept] = ['', ''];

    beforeEach(() => {
      [mine, others] = simulatePartitions(2, 3, clock) as [PartitionedStore, PartitionedStore];
      store = new FollowingStore(mine, outbox, clock, new L1Entries(clock, MAX_BYTES));
      [lost, kept] = [0, 1].map((index) => {
        let n = 0;
        while (mine.partitionOf(`tag/course:${n}`) !== String(index)) n++;
        return `tag/course:${n}`;
      }) as [string, string];
    });

    const away = () => mine.parts[0]!;
    /** Of an entry that is in the given part. */
    const nameIn = (part = away()) => {
      for (;;) {
        const name = aName();
        if (mine.partOf(name.key) === part) return name;
      }
    };
    async function invalidateByOthers(of: readonly string[]): Promise<void> {
      const settle = outbox.commit(of);
      await others.invalidate([ANY, ...of.map(familyTag), ...of], [], BUDGET_MS);
      settle();
    }

    describe('is a store all the same', () => {
      beforeEach(() => {
        away().fail();
      });

      storeContract(
        () => unconfirmed(store),
        advance,
        () => clock,
      );
    });

    it('says that it goes by the outbox', () => {
      expect(store.isFollowing).toBe(false);
      away().fail();
      expect(store.isFollowing).toBe(true);
      away().restore();
      expect(store.isFollowing).toBe(false);
    });

    it('asks the outbox nothing about the others', async () => {
      const named = await opened([EPOCH, kept]);
      away().fail();

      expect(await tokens([EPOCH, kept])).toEqual(named);
      expect(
        (await store.open(nameIn(mine.partOf(kept)), [EPOCH, kept], 60_000, BUDGET_MS)).isPerProcess,
      ).toBeFalsy();
      expect(outbox.asked).toBe(0);
    });

    it('goes on with what that part has named within the last 25 s, and what the others name', async () => {
      const named = await opened([EPOCH, lost, kept]);
      clock.advance(24_999);
      away().fail();

      expect(await tokens([EPOCH, lost, kept])).toEqual(named);
      expect(outbox.asked).toBe(1);
    });

    it('and with none that is older', async () => {
      const [epoch, , there] = await opened([EPOCH, lost, kept]);
      clock.advance(25_000);
      away().fail();

      expect(await tokens([EPOCH, lost, kept])).toEqual([epoch, undefined, there]);
    });

    it('hears of what is invalidated there from the outbox, and elsewhere from the others', async () => {
      const [epoch, before, there] = await opened([EPOCH, lost, kept]);
      away().fail();
      await tokens([EPOCH, lost, kept]);

      await invalidateByOthers([kept]);
      expect(await tokens([EPOCH, lost, kept])).toEqual([epoch, before, undefined]);

      expect(there).toBeDefined();
      await invalidateByOthers([lost]);
      expect(await tokens([EPOCH, lost, kept])).toEqual([epoch, undefined, undefined]);
    });

    describe('and another goes away after the outbox has told all', () => {
      const family = familyTag('tag/course');
      let named: readonly (string | undefined)[];

      beforeEach(async () => {
        named = await opened([EPOCH, family, kept, lost]);
        away().fail();
        await tokens([lost]);
      });

      it('goes on with what that has named, however much later', async () => {
        for (let asked = 0; asked < 3; asked++) {
          clock.advance(20_000);
          await tokens([lost]);
        }
        for (const part of mine.parts) part.fail();

        expect(await tokens([EPOCH, family, kept, lost])).toEqual(named);
      });

      it.each([
        ['before', () => tokens([lost])],
        ['only after that', () => Promise.resolve()],
      ])('but for what the outbox tells of %s', async (_, ask) => {
        await invalidateByOthers([kept]);
        await ask();
        for (const part of mine.parts) part.fail();

        expect(await tokens([EPOCH, family, kept])).toEqual([named[0], undefined, undefined]);
      });
    });

    it('answers who was asking it, and keeps nobody waiting for it after that', async () => {
      const named = await opened([EPOCH, lost, kept]);
      away().replyLate(2 * BUDGET_MS, 'tokens', 'read');
      const asking = [
        tokens([EPOCH, lost, kept]),
        store.read(nameIn(), [EPOCH, kept], BUDGET_MS).then((read) => read.tokens),
      ];
      await turn();
      away().fail();
      await advance(BUDGET_MS);
      expect(await Promise.all(asking)).toEqual([named, [named[0], named[2]]]);
      const asked = away().calls('tokens');

      expect(await tokens([EPOCH, lost, kept])).toEqual(named);
      expect(away().calls('tokens')).toBe(asked);
    });

    it('finds what the others keep under its tokens, and keeps there what was made under tokens of all', async () => {
      const name = nameIn(mine.partOf(kept));
      const named = await opened([EPOCH, lost, kept]);
      const entry = { ...entryOf(name, 'a'), tags: [EPOCH, lost, kept], tokens: named.map(String) };
      away().fail();

      await store.write(name, entry);

      expect((await others.read(name, [], BUDGET_MS)).stored?.entry).toEqual(entry);
      expect((await store.read(name, [lost], BUDGET_MS)).stored?.entry).toEqual(entry);
    });

    it('keeps to itself what it made under tokens of its own, or what belongs there', async () => {
      away().fail();
      const name = nameIn(mine.partOf(kept));
      const made = await store.open(name, [lost, kept], 60_000, BUDGET_MS, { owner: 'me', ttlMs: 5000 });
      const theirs = nameIn();

      await store.write(name, { ...entryOf(name, 'a'), tags: [lost, kept], tokens: made.tokens.map(String) });
      await store.write(theirs, entryOf(theirs, 'b'));

      expect(made.isPerProcess).toBe(true);
      expect((await store.open(theirs, [kept], 60_000, BUDGET_MS)).isPerProcess).toBe(true);
      expect((await others.read(name, [], BUDGET_MS)).stored).toBeUndefined();
      expect((await others.read(theirs, [], BUDGET_MS)).stored).toBeUndefined();
      expect((await store.read(name, [lost], BUDGET_MS)).stored?.entry.body.toString()).toBe('a');
      expect((await store.read(theirs, [kept], BUDGET_MS)).stored?.entry.body.toString()).toBe('b');
    });

    it('finds what the others keep before what it has made since and keeps to itself', async () => {
      const name = nameIn(mine.partOf(kept));
      away().fail();
      const made = await store.open(name, [lost, kept], 60_000, BUDGET_MS);
      await store.write(name, { ...entryOf(name, 'a'), tags: [lost, kept], tokens: made.tokens.map(String) });

      await others.write(name, entryOf(name, 'b'));

      expect((await store.read(name, [lost], BUDGET_MS)).stored?.entry.body.toString()).toBe('b');
    });

    it('nobody elsewhere waits for its runs', async () => {
      away().fail();
      const name = nameIn(mine.partOf(kept));

      await store.open(name, [lost, kept], 60_000, BUDGET_MS, { owner: 'me', ttlMs: 5000 });

      const lease = { owner: 'others', ttlMs: 5000 };
      expect(await others.open(name, [kept], 60_000, BUDGET_MS, lease)).toMatchObject({ hasLease: true });
    });

    it('answers for the others while the outbox does not', async () => {
      const [epoch, , there] = await opened([EPOCH, lost, kept]);
      away().fail();
      jest.spyOn(outbox, 'follow').mockRejectedValue(new Error('the database is away'));
      await expect(tokens([EPOCH, lost, kept])).rejects.toMatchObject({ code: 'CACHE_STORE_UNAVAILABLE' });

      expect(await tokens([EPOCH, kept])).toEqual([epoch, there]);
      expect((await store.open(nameIn(), [EPOCH, kept, ANY], 60_000, BUDGET_MS)).tokens[1]).toBe(there);
    });

    it('tells whoever invalidates that this was not confirmed, and has done so for itself', async () => {
      await opened([EPOCH, lost, kept]);
      away().fail();

      await expect(store.invalidate([ANY, lost, kept], [], BUDGET_MS)).rejects.toMatchObject({
        code: 'CACHE_STORE_UNAVAILABLE',
      });
      expect(await tokens([lost, kept])).toEqual([undefined, undefined]);
    });

    it('goes by all of it again once that part is back', async () => {
      const named = await opened([EPOCH, lost, kept]);
      clock.advance(60_000);
      away().fail();
      const made = await opened([EPOCH, lost, kept]);
      expect(made[1]).not.toBe(named[1]);
      const asked = outbox.asked;

      away().restore();

      expect(await tokens([EPOCH, lost, kept])).toEqual(named);
      expect(outbox.asked).toBe(asked);
    });
  });
});
