import { randomUUID } from 'node:crypto';
import type { CacheEntry } from '../../src/cache/engine/cache-entry.js';
import type { EntryName, Store } from '../../src/cache/engine/store.js';

const BUDGET_MS = 2000;
const TOKEN_TTL_MS = 60_000;

/** An entry under `name` that holds `body` and is kept for `ttlMs`. */
export function entryOf(name: EntryName, body: string | Buffer, ttlMs = 10_000): CacheEntry {
  const { keyText } = name;
  return { keyText, shape: '', tokens: {}, ttlMs, graceMs: 0, loadMs: 0, head: {}, body: Buffer.from(body) };
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
 */
export function storeContract(use: () => Store, advance: (ms: number) => Promise<void>): void {
  let store: Store;
  let name: EntryName;
  let tags: [string, string];

  beforeEach(() => {
    store = use();
    name = aName();
    tags = [`tag/a:${randomUUID()}`, `tag/b:${randomUUID()}`];
  });

  it('has nothing under a key and no tokens for tags that nobody wrote', async () => {
    expect(await store.read(name, tags, BUDGET_MS)).toEqual({
      stored: undefined,
      isUnreadable: false,
      tokens: [undefined, undefined],
    });
  });

  it('gives back the bytes it was given, whatever they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

    await store.write(name, entryOf(name, bytes));

    expect((await store.read(name, [], BUDGET_MS)).stored?.entry.body).toEqual(bytes);
  });

  it('replaces what lay under the key', async () => {
    await store.write(name, entryOf(name, 'one'));
    await store.write(name, entryOf(name, 'two'));

    expect((await store.read(name, [], BUDGET_MS)).stored?.entry.body.toString()).toBe('two');
  });

  it('forgets an entry when its time is over', async () => {
    await store.write(name, entryOf(name, 'x', 300));

    await advance(301);

    expect((await store.read(name, [], BUDGET_MS)).stored).toBeUndefined();
  });

  it('gives a tag a token once, and the same to everyone who asks', async () => {
    const [first, second] = await Promise.all([
      store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS),
      store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS),
    ]);

    expect(first.tokens.every((token) => token !== undefined && token.length >= 16)).toBe(true);
    expect(second.tokens).toEqual(first.tokens);
    expect((await store.read(name, tags, BUDGET_MS)).tokens).toEqual(first.tokens);
  });

  it('keeps tokens in the order of the tags asked for', async () => {
    const [a, b] = (await store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS)).tokens;

    expect((await store.read(name, [tags[1], tags[0]], BUDGET_MS)).tokens).toEqual([b, a]);
  });

  it('takes away the tokens it is told to, and no others', async () => {
    const [, b] = (await store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS)).tokens;

    await store.invalidate([tags[0]], [], BUDGET_MS);

    expect((await store.read(name, tags, BUDGET_MS)).tokens).toEqual([undefined, b]);
  });

  it('never gives a token that it has taken away again', async () => {
    const seen = new Set<string | undefined>();

    for (let round = 0; round < 50; round++) {
      seen.add((await store.open(name, [tags[0]], TOKEN_TTL_MS, BUDGET_MS)).tokens[0]);
      await store.invalidate([tags[0]], [], BUDGET_MS);
    }

    expect(seen.size).toBe(50);
  });

  it('reads the entry together with the tokens it makes', async () => {
    await store.write(name, entryOf(name, 'there'));

    expect((await store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS)).stored?.entry.body.toString()).toBe(
      'there',
    );
  });

  it.each(['*', 'a b', 'x\r\nDEL y\r\n', '\u0000', 'ü/☃', '../..'])(
    'treats %j in a key or tag as a name like any other',
    async (id) => {
      const strange = aName(`${randomUUID()}${id}`);

      await store.write(strange, entryOf(strange, 'own'));
      const { tokens } = await store.open(strange, [`${tags[0]}${id}`, tags[0]], TOKEN_TTL_MS, BUDGET_MS);
      await store.invalidate([`${tags[0]}${id}`], [], BUDGET_MS);

      expect((await store.read(strange, [tags[0]], BUDGET_MS)).tokens).toEqual([tokens[1]]);
      expect((await store.read(strange, [], BUDGET_MS)).stored?.entry.body.toString()).toBe('own');
      expect((await store.read(name, [], BUDGET_MS)).stored).toBeUndefined();
    },
  );
}
