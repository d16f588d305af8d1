import { deferred, turn } from '../../../test/support/deferred.js';
import { FakeClock } from '../testing/index.js';
import type { Outbox } from './outbox.js';
import { OutboxBacklog } from './outbox-backlog.js';

const backlogOf = (outbox: Partial<Outbox> | undefined, clock = new FakeClock()) =>
  new OutboxBacklog(outbox as Outbox | undefined, clock);

describe('whether invalidations wait for too long', () => {
  it.each([true, false])('is what the outbox says: %s', async (isLate) => {
    const hasWaited = jest.fn(() => Promise.resolve(isLate));

    expect(await backlogOf({ isReady: true, hasWaited }).isLate()).toBe(isLate);

    expect(hasWaited).toHaveBeenCalledWith(10_000);
  });

  it.each<[string, Partial<Outbox> | undefined]>([
    ['without an outbox', undefined],
    ['before it can be asked', { isReady: false, hasWaited: () => Promise.resolve(true) }],
    ['where it cannot tell', { isReady: true }],
    ['while its database is away', { isReady: true, hasWaited: () => Promise.reject(new Error('away')) }],
  ])('is not known %s', async (_, outbox) => {
    expect(await backlogOf(outbox).isLate()).toBeUndefined();
  });

  it('is asked for again where an answer never comes', async () => {
    const clock = new FakeClock();
    const hasWaited = jest.fn(() => new Promise<boolean>(() => undefined));
    const backlog = backlogOf({ isReady: true, hasWaited }, clock);

    void backlog.isLate();
    clock.advance(10_000);
    await turn();
    void backlog.isLate();
    expect(hasWaited).toHaveBeenCalledTimes(2);
  });

  it('is not asked for again for a minute after a failure', async () => {
    const clock = new FakeClock();
    const hasWaited = jest.fn(() => Promise.reject(new Error('no such column')));
    const backlog = backlogOf({ isReady: true, hasWaited }, clock);

    await backlog.isLate();
    clock.advance(59_999);
    await backlog.isLate();
    expect(hasWaited).toHaveBeenCalledTimes(1);

    clock.advance(1);
    await backlog.isLate();
    expect(hasWaited).toHaveBeenCalledTimes(2);
  });

  it('is not known after half a second without an answer, and asked anew only after it', async () => {
    const [clock, answer] = [new FakeClock(), deferred()];
    const hasWaited = jest.fn(() => answer.promise.then(() => true));
    const backlog = backlogOf({ isReady: true, hasWaited }, clock);

    const [first, second] = [backlog.isLate(), backlog.isLate()];
    clock.advance(500);
    expect(await Promise.all([first, second])).toEqual([undefined, undefined]);
    const third = backlog.isLate();
    expect(hasWaited).toHaveBeenCalledTimes(1);

    answer.resolve();
    expect(await third).toBe(true);
    await backlog.isLate();
    expect(hasWaited).toHaveBeenCalledTimes(2);
  });
});
