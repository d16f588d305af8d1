import { randomUUID } from 'node:crypto';
import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import { systemClock, type Clock } from '../../src/cache/engine/clock.js';
import type { EntryName, Store } from '../../src/cache/engine/store.js';
import { EPOCH } from '../../src/cache/engine/tags.js';
import { tryStore } from '../../src/cache/engine/try-store.js';

const BUDGET_MS = 2000;
const TOKEN_TTL_MS = 60_000;
const LONG_MS = 60_000;
const SHORT_MS = 300;

/** An entry under `name` that holds `body`, fresh for `ttlMs` and kept for `graceMs` beyond. */
export function entryOf(name: EntryName, body: string | Buffer, ttlMs = LONG_MS, graceMs = 0): CacheEntry {
  return {
    keyText: name.keyText,
    shape: 's1',
    tags: ['tag/course:ü'],
    tokens: ['t'],
    ttlMs,
    graceMs,
    loadMs: 12.5,
    head: { etag: '"e"' },
    body: Buffer.from(body),
  };
}

/** A name that nobody else uses. */
export function aName(id: string = randomUUID()): EntryName {
  return { keyText: `contract|${id}`, key: `cache:contract:${id}` };
}

/**
 * What every store must do. Each call gets keys of its own, so that nothing has to be emptied.
 *
 * @param use      gives the store under test
 * @param advance  lets so many milliseconds pass for that store
 * @param clock    that of the store. Default: the machine's
 */
export function storeContract(
  use: () => Store,
  advance: (ms: number) => Promise<void>,
  clock: () => Clock = () => systemClock,
): void {
  let store: Store;
  let name: EntryName;
  let tags: [string, string];

  beforeEach(() => {
    store = use();
    name = aName();
    tags = [`tag/a:${randomUUID()}`, `tag/b:${randomUUID()}`];
  });

  const open = (wanted: readonly string[] = tags) => store.open(name, wanted, TOKEN_TTL_MS, BUDGET_MS);
  const stored = async () => (await store.read(name, [], BUDGET_MS)).stored;
  const present = (wanted: readonly string[] = tags) => store.tokens(wanted, BUDGET_MS);
  const invalidate = (hard: readonly string[], soft: readonly string[] = []) =>
    store.invalidate(hard, soft, BUDGET_MS);

  it('stands the trial that operators put it to, also several at once', async () => {
    expect(await Promise.all([tryStore(store), tryStore(store)])).toEqual([undefined, undefined]);
  });

  describe('entries', () => {
    it('has nothing under a name and no tokens for tags that nobody wrote', async () => {
      expect(await store.read(name, tags, BUDGET_MS)).toMatchObject({
        stored: undefined,
        isUnreadable: false,
        tokens: [undefined, undefined],
      });
    });

    it('gives back the entry it was given, whatever its bytes', async () => {
      const entry = entryOf(name, Buffer.from(Array.from({ length: 256 }, (_, value) => value)));

      await store.write(name, entry);

      expect((await stored())?.entry).toEqual(entry);
    });

    it('replaces what lay under the name', async () => {
      await store.write(name, entryOf(name, 'one'));
      await store.write(name, entryOf(name, 'two'));

      expect((await stored())?.entry.body.toString()).toBe('two');
    });

    it('says how long it will still keep an entry, its grace included', async () => {
      await store.write(name, entryOf(name, 'x', 40_000, 20_000));

      const leftMs = (await stored())?.leftMs;

      expect(leftMs).toBeGreaterThan(50_000);
      expect(leftMs).toBeLessThanOrEqual(60_000);
    });

    it('keeps an entry no longer for having been written late', async () => {
      await store.write(name, entryOf(name, 'x', 40_000, 20_000), clock().monotonicMs() + 50_000);

      const leftMs = (await stored())?.leftMs;

      expect(leftMs).toBeGreaterThan(40_000);
      expect(leftMs).toBeLessThanOrEqual(50_100);
    });

    it('keeps an entry beyond its TTL for the grace, and not longer', async () => {
      await store.write(name, entryOf(name, 'x', 1, 3000));
      await advance(5);
      expect((await stored())?.leftMs).toBeLessThan(3000);

      await advance(3000);

      expect(await stored()).toBeUndefined();
    });

    it('reads the entry together with the tokens it makes', async () => {
      await store.write(name, entryOf(name, 'there'));

      expect((await open()).stored?.entry.body.toString()).toBe('there');
    });
  });

  describe('tokens', () => {
    it('takes none of their life away for whoever needs them for less long', async () => {
      const { tokens } = await open();
      await store.open(name, tags, SHORT_MS, BUDGET_MS);
      await advance(SHORT_MS + 50);

      expect(await present()).toEqual(tokens);
    });

    it('gives a tag a token once, and the same to everyone who asks', async () => {
      const [first, second] = await Promise.all([open(), open()]);

      expect(first.tokens.every((token) => token !== undefined && token.length >= 16)).toBe(true);
      expect(second.tokens).toEqual(first.tokens);
      expect((await store.read(name, tags, BUDGET_MS)).tokens).toEqual(first.tokens);
      expect(await present()).toEqual(first.tokens);
    });

    it('keeps tokens in the order of the tags asked for', async () => {
      const [a, b] = (await open()).tokens;

      expect((await store.read(name, [tags[1], tags[0]], BUDGET_MS)).tokens).toEqual([b, a]);
      expect(await present([tags[1], `${tags[0]}0`, tags[0]])).toEqual([b, undefined, a]);
    });

    it('answers for the tags of one partition alone as it does for all together', async () => {
      const many = Array.from({ length: 20 }, (_, n) => `${tags[0]}:${n}`);
      const all = (await open(many)).tokens;
      const partitions = new Set(many.map((tag) => store.partitionOf(tag)));

      const alone = new Map<string, string | undefined>();
      for (const partition of partitions) {
        const own = many.filter((tag) => store.partitionOf(tag) === partition);
        (await present(own)).forEach((token, index) => alone.set(own[index]!, token));
      }

      expect(many.map((tag) => alone.get(tag))).toEqual(all);
    });
  });

  describe('a hard invalidation', () => {
    it('takes away the tokens it is told to, and no others', async () => {
      const [, b] = (await open()).tokens;

      await invalidate([tags[0]]);

      expect(await present()).toEqual([undefined, b]);
    });

    it('never lets a token come back', async () => {
      const seen = new Set<string | undefined>();

      for (let round = 0; round < 50; round++) {
        seen.add((await open([tags[0]])).tokens[0]);
        await invalidate([tags[0]]);
      }

      expect(seen.size).toBe(50);
    });

    it('of the epoch leaves nothing as it was', async () => {
      const before = (await open([EPOCH, ...tags])).tokens;

      await invalidate([EPOCH]);

      const now = await present([EPOCH, ...tags]);
      expect(now).not.toEqual(before);
      const after = (await open([EPOCH, ...tags])).tokens;
      expect(after).not.toEqual(before);
      expect(await present([EPOCH, ...tags])).toEqual(after);
    });
  });

  describe('a soft invalidation', () => {
    const halves = (token: string | undefined) => {
      const dot = token?.indexOf('.') ?? -1;
      return [token?.slice(0, dot), token?.slice(dot + 1)];
    };

    it('changes the second half of a token, and a new one each time', async () => {
      const [token, other] = (await open()).tokens;
      const seen = new Set([halves(token)[1]]);

      for (let round = 0; round < 10; round++) {
        await invalidate([], [tags[0]]);
        const [now, untouched] = await present();
        expect(halves(now)[0]).toBe(halves(token)[0]);
        expect(untouched).toBe(other);
        seen.add(halves(now)[1]);
      }

      expect(seen.size).toBe(11);
    });

    it('makes no token where there is none', async () => {
      await invalidate([], tags);

      expect(await present()).toEqual([undefined, undefined]);
    });

    it('may come together with a hard one', async () => {
      const [token] = (await open()).tokens;

      await invalidate([tags[1]], [tags[0]]);

      const [now, gone] = await present();
      expect(now).not.toBe(token);
      expect(halves(now)[0]).toBe(halves(token)[0]);
      expect(gone).toBeUndefined();
    });
  });

  describe('leases', () => {
    const take = async (owner: string, ttlMs = LONG_MS) =>
      (await store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS, { owner, ttlMs })).hasLease;

    it('gives one to the first who asks, and to nobody else', async () => {
      const taken = await Promise.all(['one', 'two', 'three'].map((owner) => take(owner)));

      expect(taken.filter(Boolean)).toHaveLength(1);
    });

    it('gives it to its owner again', async () => {
      await take('one');

      expect(await take('one')).toBe(true);
      expect(await take('two')).toBe(false);
    });

    it('says yes where none was asked for, whoever has it', async () => {
      await take('one');

      expect((await open()).hasLease).toBe(true);
    });

    it('lets it lapse unless it is renewed', async () => {
      await take('one', SHORT_MS);

      await advance(SHORT_MS + 1);

      expect(await take('two')).toBe(true);
      expect(await store.renewLease(name, { owner: 'one', ttlMs: LONG_MS })).toBe(false);
    });

    it('renews it for its owner, and for nobody else', async () => {
      await take('one', 5 * SHORT_MS);
      expect(await store.renewLease(name, { owner: 'two', ttlMs: LONG_MS })).toBe(false);

      expect(await store.renewLease(name, { owner: 'one', ttlMs: LONG_MS })).toBe(true);
      await advance(5 * SHORT_MS);

      expect(await take('two')).toBe(false);
    });

    it('takes it back from its owner, and from nobody else', async () => {
      await take('one');
      await store.releaseLease(name, 'two');
      expect(await take('two')).toBe(false);

      await store.releaseLease(name, 'one');

      expect(await take('two')).toBe(true);
    });

    it('takes it back behind an entry, from its owner, and from nobody else', async () => {
      await take('one');
      await store.write(name, entryOf(name, 'of another'), undefined, 'two');
      expect(await take('two')).toBe(false);

      await store.write(name, entryOf(name, 'own'), undefined, 'one');

      const opened = await store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS, { owner: 'two', ttlMs: 1000 });
      expect(opened.hasLease).toBe(true);
      expect(opened.stored?.entry.body.toString()).toBe('own');
    });

    it('keeps leases of different names apart', async () => {
      await take('one');

      const other = aName();

      expect(
        (await store.open(other, tags, TOKEN_TTL_MS, BUDGET_MS, { owner: 'two', ttlMs: 1000 })).hasLease,
      ).toBe(true);
    });
  });

  it.each(['*', 'a b', 'x\r\nDEL y\r\n', '\u0000', 'ü/☃', '../..', '{', '{}', '{a}b', '~x', 'a.b'])(
    'treats %j in a key or tag as a name like any other',
    async (id) => {
      const strange = { keyText: `${name.keyText}${id}`, key: `${name.key}${id}` };

      await store.write(strange, entryOf(strange, 'own'));
      const { tokens } = await store.open(strange, [`${tags[0]}${id}`, tags[0]], TOKEN_TTL_MS, BUDGET_MS);
      await store.invalidate([`${tags[0]}${id}`], [], BUDGET_MS);

      expect((await store.read(strange, [tags[0]], BUDGET_MS)).tokens).toEqual([tokens[1]]);
      expect((await store.read(strange, [], BUDGET_MS)).stored?.entry.body.toString()).toBe('own');
      expect(await stored()).toBeUndefined();
    },
  );
}
