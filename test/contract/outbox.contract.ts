import type { Outbox } from '../../src/cache/outbox/outbox.js';
import { inUnit, UnitOfWork } from '../../src/cache/outbox/unit-of-work.js';
import { deferred } from '../support/deferred.js';

const NOW_MS = 0;
const CONFIRM = () => Promise.resolve(true);

/**
 * What every outbox must do. It must be empty before each call.
 *
 * @param use     gives the outbox under test
 * @param commit  writes something in a transaction, where the outbox's database has them
 */
export function outboxContract(use: () => Outbox, commit: () => Promise<void>): void {
  let outbox: Outbox;

  beforeEach(() => {
    outbox = use();
  });

  /** A unit of work that has written, and has not settled its rows. */
  async function work(...cover: string[]): Promise<UnitOfWork> {
    const unit = new UnitOfWork('Books.rename', cover, { outbox });
    outbox.watch?.(unit);
    await inUnit(unit, commit);
    unit.endOutermost();
    return unit;
  }

  /** As {@link work}, and the store did not confirm these tags. */
  async function owe(...tags: string[]): Promise<void> {
    await outbox.narrow((await work('tag/cover:1')).rows, tags);
  }

  /** All that is waiting, in the order in which it is applied. */
  async function relayed(): Promise<string[]> {
    const applied: string[] = [];
    await outbox.relay(NOW_MS, (tags) => CONFIRM().finally(() => applied.push(...tags)));
    return applied;
  }

  it('is ready, and has nothing to relay, when nobody has written', async () => {
    const apply = jest.fn(CONFIRM);

    expect(outbox.isReady).toBe(true);
    expect(await outbox.relay(NOW_MS, apply)).toBe(0);
    expect(apply).not.toHaveBeenCalled();
  });

  it('knows a row for a unit of work that has written', async () => {
    const { rows } = await work('tag/book:1');

    expect(rows).toHaveLength(1);
  });

  it('relays what is known exactly in the place of what was to be feared', async () => {
    await owe('tag/book:1', 'tag/book:2');

    expect(await relayed()).toEqual(['tag/book:1', 'tag/book:2']);
  });

  it('relays once what was confirmed, and counts it', async () => {
    await owe('tag/book:1');
    await owe('tag/book:2');

    expect(await outbox.relay(NOW_MS, CONFIRM)).toBe(2);
    expect(await outbox.relay(NOW_MS, CONFIRM)).toBe(0);
    expect(await relayed()).toEqual([]);
  });

  it('keeps what was not confirmed', async () => {
    await owe('tag/book:1');

    expect(await outbox.relay(NOW_MS, () => Promise.resolve(false))).toBe(0);
    expect(await relayed()).toEqual(['tag/book:1']);
  });

  it('keeps what could not even be tried', async () => {
    await owe('tag/book:1');

    await expect(outbox.relay(NOW_MS, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await relayed()).toEqual(['tag/book:1']);
  });

  it('does not relay what its owner has settled', async () => {
    const unit = await work('tag/book:1');
    await outbox.narrow(unit.rows, ['tag/book:1']);

    await outbox.settle(unit.rows);

    expect(await relayed()).toEqual([]);
  });

  it('knows which rows somebody has settled', async () => {
    const [one, other, third] = [
      await work('tag/book:1'),
      await work('tag/book:2'),
      await work('tag/book:3'),
    ];
    for (const { rows } of [one, other, third]) await outbox.narrow(rows, ['tag/book']);
    const all = [...one.rows, ...other.rows, ...third.rows];
    expect([...(await outbox.unsettled(all))].sort()).toEqual([...all].sort());

    await outbox.settle(other.rows);
    expect([...(await outbox.unsettled(all))].sort()).toEqual([...one.rows, ...third.rows].sort());

    await relayed();
    expect(await outbox.unsettled(all)).toEqual([]);
  });

  it('lets any relay take at once what its owner has given up', async () => {
    await owe('tag/book:1');

    expect(await outbox.relay(3_600_000, CONFIRM)).toBe(1);
  });

  it('relays each tag once, in the order in which they were written', async () => {
    await owe('tag/book:3', 'tag/shelf:1');
    await owe('tag/book:1', 'tag/shelf:1');
    await owe('tag/book:2');

    expect(await relayed()).toEqual(['tag/book:3', 'tag/shelf:1', 'tag/book:1', 'tag/book:2']);
  });

  it('gives each row to one of two who relay at the same time', async () => {
    const [hasFirst, mayEnd] = [deferred(), deferred()];
    await owe('tag/book:1');
    const first = outbox.relay(NOW_MS, async () => {
      hasFirst.resolve();
      await mayEnd.promise;
      return true;
    });
    await hasFirst.promise;
    expect(await outbox.relay(NOW_MS, CONFIRM)).toBe('held');
    await owe('tag/book:2');

    expect(await relayed()).toEqual(['tag/book:2']);
    mayEnd.resolve();
    expect(await first).toBe(1);
    expect(await relayed()).toEqual([]);
  });

  it('takes a bounded number of rows a round, the oldest first, and the rest in further rounds', async () => {
    const tags = Array.from({ length: 502 }, (_, n) => `tag/book:${n}`);
    for (const tag of tags) await owe(tag);

    const rounds = [await relayed(), await relayed(), await relayed()];

    expect(rounds).toEqual([tags.slice(0, 500), tags.slice(500), []]);
  });
}
