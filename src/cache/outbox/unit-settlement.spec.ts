import { deferred, turn } from '../../../test/support/deferred.js';
import { BackgroundWork } from '../engine/background-work.js';
import { pause } from '../engine/clock.js';
import { FakeClock } from '../testing/index.js';
import type { Outbox, OutboxRow } from './outbox.js';
import { UnitOfWork } from './unit-of-work.js';
import { UnitSettlement } from './unit-settlement.js';

const row = (id: string, ...tags: string[]): OutboxRow => ({ id, tags });
const never = new Promise<never>(() => undefined);

let clock: FakeClock;
let looks: jest.Mock<Promise<readonly OutboxRow[] | undefined>>;
let invalidated: string[][];
let isConfirmed: boolean;
/** How long the store takes to say so, ms. */
let attemptMs: number;
let pending: number;
let settlement: UnitSettlement;

beforeEach(() => {
  clock = new FakeClock();
  looks = jest.fn();
  invalidated = [];
  isConfirmed = true;
  attemptMs = 0;
  pending = 0;
  settlement = settlementWith({ committed: looks });
});

function settlementWith(outbox: Partial<Outbox>): UnitSettlement {
  return new UnitSettlement({
    outbox: outbox as Outbox,
    clock,
    invalidate: (tags) => {
      invalidated.push([...tags]);
      return attemptMs > 0 ? pause(clock, attemptMs).then(() => isConfirmed) : Promise.resolve(isConfirmed);
    },
    background: new BackgroundWork(),
    onPending: () => pending++,
  });
}

/** A method that names nothing has ended; its own row is `own`. @returns how long it waited, ms */
async function wait(): Promise<number> {
  const unit = new UnitOfWork('Books.ensure', []);
  unit.rows.push('own');
  const sinceMs = clock.monotonicMs();
  const over = jest.fn();
  const waiting = settlement.awaitOthers(unit).finally(over);
  while (over.mock.calls.length === 0) {
    clock.advance(5);
    await turn();
  }
  await waiting;
  return clock.monotonicMs() - sinceMs;
}

describe('an outbox that is followed', () => {
  const announce = jest.fn<Promise<void>, [readonly string[]]>();
  let isReady: boolean;
  let followed: UnitSettlement;

  beforeEach(() => {
    announce.mockReset().mockResolvedValue();
    isReady = true;
    followed = settlementWith({
      isFollowed: true,
      get isReady() {
        return isReady;
      },
      announce,
      renew: () => Promise.resolve(),
      settle: () => Promise.resolve(),
    });
  });

  /** A method has ended whose commit was told of with what was known then. */
  async function leave(...tags: string[]): Promise<void> {
    const unit = new UnitOfWork('Books.rename', ['prefix/book', 'unlisted']);
    followed.enter(unit, true);
    unit.rows.push('1');
    unit.add(tags);
    unit.exit();
    await followed.leave(unit);
  }

  it('is told of what a method has invalidated, exactly, before the store', async () => {
    const told = deferred();
    announce.mockReturnValue(told.promise);
    const leaving = leave('tag/book:1');
    await turn();

    expect(announce).toHaveBeenCalledWith(['tag/book:1']);
    expect(invalidated).toEqual([]);
    told.resolve();
    await leaving;
    expect(invalidated).toEqual([['tag/book:1']]);
    expect(pending).toBe(0);
  });

  it('is told of what a method that nobody waited for names', async () => {
    const unit = new UnitOfWork('Books.rename', ['tag/book:1']);
    followed.enter(unit, true);
    unit.rows.push('1');
    unit.enter(['tag/shelf:1']);
    followed.enter(unit, false);
    unit.exit();
    await followed.leave(unit);
    announce.mockClear();

    unit.add(['tag/shelf:1']);
    unit.exit();
    await followed.leave(unit);

    expect(announce).toHaveBeenCalledWith(['tag/shelf:1']);
  });

  it('is told of nothing where nothing is invalidated', async () => {
    await leave();

    expect(announce).not.toHaveBeenCalled();
  });

  it.each<[string, () => void]>([
    ['that fails', () => announce.mockRejectedValue(new Error('the database is away'))],
    ['that says nothing', () => announce.mockReturnValue(never)],
    ['that cannot be told yet', () => (isReady = false)],
  ])('%s leaves what was to be told of unconfirmed', async (_, fail) => {
    fail();

    expect(await followed.invalidate(['tag/book:1'])).toBe(false);
    expect(invalidated).toEqual([['tag/book:1']]);
  });
});

describe('a unit whose invalidation is confirmed', () => {
  const renew = jest.fn(() => Promise.resolve());
  const settle = jest.fn<Promise<void>, []>();

  beforeEach(() => {
    jest.useFakeTimers();
    settle.mockReset().mockResolvedValue();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** It has ended a second after its commit. */
  async function leave(): Promise<void> {
    const outbox = { renew, settle } as Partial<Outbox> as Outbox;
    const unit = new UnitOfWork('Books.add', ['tag/book:1']);
    const owner = new UnitSettlement({
      outbox,
      clock,
      invalidate: () => Promise.resolve(true),
      background: new BackgroundWork(),
      onPending: () => pending++,
    });
    owner.enter(unit, true);
    unit.rows.push('own');
    await jest.advanceTimersByTimeAsync(1000);
    expect(renew.mock.calls.length).toBeGreaterThan(5);
    await owner.leave(unit);
    renew.mockClear();
  }

  it('is renewed no more once it is settled', async () => {
    await leave();
    await jest.advanceTimersByTimeAsync(1000);

    expect([renew.mock.calls.length, settle.mock.calls.length, jest.getTimerCount()]).toEqual([0, 1, 0]);
  });

  it('is renewed as long as the database takes to settle it', async () => {
    const settled = deferred();
    settle.mockReturnValue(settled.promise);
    await leave();
    await jest.advanceTimersByTimeAsync(1000);
    expect(renew.mock.calls.length).toBeGreaterThan(5);

    settled.resolve();
    await jest.advanceTimersByTimeAsync(0);

    expect(jest.getTimerCount()).toBe(0);
  });

  it('is settled by another attempt where one has failed, and renewed till then', async () => {
    settle.mockRejectedValueOnce(new Error('all connections are in use'));
    settle.mockRejectedValueOnce(new Error('all connections are in use'));
    await leave();
    await jest.advanceTimersByTimeAsync(350);
    expect(renew).toHaveBeenCalled();

    await jest.advanceTimersByTimeAsync(100);

    expect([settle.mock.calls.length, jest.getTimerCount()]).toEqual([3, 0]);
  });

  it('is left to relays where it cannot be settled', async () => {
    settle.mockRejectedValue(new Error('away'));
    await leave();

    await jest.advanceTimersByTimeAsync(2000);

    expect([settle.mock.calls.length, pending, jest.getTimerCount()]).toEqual([4, 0, 0]);
  });
});

describe('a unit whose invalidation is not confirmed', () => {
  const narrow = jest.fn<Promise<boolean>, []>();
  const unsettled = jest.fn<Promise<string[]>, []>();

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    narrow.mockReset().mockResolvedValue(true);
    unsettled.mockReset().mockResolvedValue(['own']);
    isConfirmed = false;
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** @returns how long its own attempt and the wait for relays took together, ms */
  async function leave(): Promise<number> {
    const owner = settlementWith({ narrow, unsettled });
    const unit = new UnitOfWork('Books.add', ['tag/book:1']);
    owner.enter(unit, true);
    unit.rows.push('own');
    unit.add(['tag/book:1']);
    const sinceMs = clock.monotonicMs();
    const over = jest.fn();
    const leaving = owner.leave(unit).finally(over);
    while (over.mock.calls.length === 0) {
      clock.advance(50);
      await turn();
    }
    await leaving;
    return clock.monotonicMs() - sinceMs;
  }

  it('is given up, with what is known exactly, and renewed no more', async () => {
    await leave();

    expect(narrow.mock.calls).toEqual([[['own'], ['tag/book:1']]]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is pending after a second, its own attempt included', async () => {
    attemptMs = 400;

    expect(await leave()).toBe(1000);
    expect(pending).toBe(1);
  });

  it('is not pending once a relay has settled it', async () => {
    unsettled.mockResolvedValue([]);

    expect(await leave()).toBeLessThan(1000);
    expect(pending).toBe(0);
  });

  it('is pending where a relay was too early, and knew less', async () => {
    unsettled.mockResolvedValue([]);
    narrow.mockResolvedValue(false);
    await leave();

    expect(pending).toBe(1);
  });
});

describe('a method that names nothing', () => {
  it.each([
    ['nobody has committed', []],
    ['only its own row is left', [row('own', 'tag/book:1')]],
  ])('waits for nobody where %s', async (_, rows) => {
    looks.mockResolvedValue(rows);

    expect(await wait()).toBeLessThanOrEqual(5);
    expect([looks.mock.calls.length, invalidated, pending]).toEqual([1, [], 0]);
  });

  it('waits until those who had committed have settled, and not for those who came later', async () => {
    looks
      .mockResolvedValueOnce([row('1', 'tag/book:1'), row('2', 'tag/book:2')])
      .mockResolvedValueOnce([row('2', 'tag/book:2'), row('3', 'tag/book:3')])
      .mockResolvedValue([row('3', 'tag/book:3')]);

    await wait();

    expect([looks.mock.calls.length, invalidated, pending]).toEqual([3, [], 0]);
  });

  it('invalidates in the place of those who take long, by what they name by then', async () => {
    looks
      .mockResolvedValueOnce([row('1', 'prefix/book', 'unlisted')])
      .mockResolvedValue([row('1', 'tag/book:1')]);

    expect(await wait()).toBeLessThan(300);

    expect([invalidated, pending]).toEqual([[['tag/book:1']], 0]);
  });

  it('does so once for a row, however many find it, and once more where it names more by then', async () => {
    const [first, wider] = [row('1', 'tag/book:1'), row('1', 'tag/book:1', 'tag/book:2')];
    looks.mockResolvedValue([first]);
    await wait();
    looks.mockClear();

    expect(await wait()).toBeLessThanOrEqual(5);
    expect([looks.mock.calls.length, invalidated.length]).toEqual([1, 1]);
    looks.mockResolvedValue([wider]);
    await wait();
    looks.mockResolvedValue([]);
    await wait();

    expect(invalidated).toEqual([first.tags, wider.tags]);
    expect(pending).toBe(0);
  });

  it('does so anew where the store did not confirm it', async () => {
    looks.mockResolvedValue([row('1', 'tag/book:1')]);
    isConfirmed = false;
    await wait();
    isConfirmed = true;
    await wait();

    expect([invalidated.length, pending]).toEqual([2, 1]);
  });

  it('goes by what it knew where too many have committed meanwhile', async () => {
    looks.mockResolvedValueOnce([row('1', 'tag/book:1')]).mockResolvedValue(undefined);

    await wait();

    expect([invalidated, pending]).toEqual([[['tag/book:1']], 0]);
  });

  it.each([
    ['has too many rows', () => Promise.resolve(undefined)],
    ['fails', () => Promise.reject(new Error('away'))],
    ['does not answer', () => never],
  ])('is said to be pending, within a second, where the outbox %s', async (_, look) => {
    looks.mockImplementation(look);

    expect(await wait()).toBeLessThanOrEqual(1010);
    expect([invalidated, pending]).toEqual([[], 1]);
  });
});
