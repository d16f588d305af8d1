import { type Deferred, deferred, turn } from '../../../test/support/deferred.js';
import { FakeClock } from '../testing/index.js';
import type { Outbox } from './outbox.js';
import { OutboxRelay } from './outbox-relay.js';

describe('the relay of an outbox', () => {
  async function pass(clock: FakeClock, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await turn();
    }
  }

  it('looks for what is left behind four times a second', async () => {
    const clock = new FakeClock();
    const relay = jest.fn(() => Promise.resolve(0));
    const confirm = () => Promise.resolve(true);
    new OutboxRelay({ relay, isReady: true } as unknown as Outbox, confirm, () => true, clock).start();

    clock.advance(249);
    expect(relay).not.toHaveBeenCalled();
    for (const rounds of [1, 2]) {
      clock.advance(rounds === 1 ? 1 : 250);
      await turn();
      expect(relay).toHaveBeenCalledTimes(rounds);
    }
  });

  it.each([
    [10, 0, 250],
    [40, 0, 400],
    [300, 0, 1000],
    // It has carried out something.
    [300, 1, 250],
  ])('looks again after a look of %i ms that found %i rows after %i ms', async (lookMs, found, pauseMs) => {
    const clock = new FakeClock();
    const looks: Deferred<number>[] = [];
    const relay = jest.fn(() => {
      const look = deferred<number>();
      looks.push(look);
      return look.promise;
    });
    const confirm = () => Promise.resolve(true);
    new OutboxRelay({ relay, isReady: true } as unknown as Outbox, confirm, () => true, clock).start();
    clock.advance(250);
    clock.advance(lookMs);
    looks[0]?.resolve(found);
    await turn();

    clock.advance(pauseMs - 1);
    expect(relay).toHaveBeenCalledTimes(1);
    clock.advance(1);
    expect(relay).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['the outbox cannot be asked yet', false, true],
    ['nothing could be carried out', true, false],
  ])('does not look while %s', async (_, isReady, canApply) => {
    const clock = new FakeClock();
    const relay = jest.fn(() => Promise.resolve(0));
    const confirm = () => Promise.resolve(true);
    new OutboxRelay({ relay, isReady } as unknown as Outbox, confirm, () => canApply, clock).start();

    await pass(clock, 1000);

    expect(relay).not.toHaveBeenCalled();
  });

  it.each([
    ['before its first round', 0],
    ['during a round, whose end is waited for', 1],
  ])('looks no more once it is stopped: %s', async (_, rounds) => {
    const clock = new FakeClock();
    const round = deferred<number>();
    const relay = jest.fn(() => round.promise);
    const confirm = () => Promise.resolve(true);
    const looking = new OutboxRelay(
      { relay, isReady: true } as unknown as Outbox,
      confirm,
      () => true,
      clock,
    );
    looking.start();
    clock.advance(rounds * 250);
    let isStopped = false;
    const stopping = looking.stop().then(() => (isStopped = true));
    await turn();

    expect(isStopped).toBe(rounds === 0);
    round.resolve(0);
    await stopping;
    await pass(clock, 2000);
    expect(relay).toHaveBeenCalledTimes(rounds);
  });

  it('begins another round when the database has not answered for ten seconds', async () => {
    const clock = new FakeClock();
    const relay = jest.fn(() => new Promise<number>(() => undefined));
    const confirm = () => Promise.resolve(true);
    new OutboxRelay({ relay, isReady: true } as unknown as Outbox, confirm, () => true, clock).start();

    await pass(clock, 10_000);
    expect(relay).toHaveBeenCalledTimes(1);
    await pass(clock, 1000);
    expect(relay).toHaveBeenCalledTimes(2);
  });

  it('begins others ever more rarely while none of them ends, yet within three minutes, and as often as before once they have', async () => {
    const clock = new FakeClock();
    const rounds: Deferred<number>[] = [];
    const relay = jest.fn(() => {
      const round = deferred<number>();
      rounds.push(round);
      return round.promise;
    });
    const confirm = () => Promise.resolve(true);
    new OutboxRelay({ relay, isReady: true } as unknown as Outbox, confirm, () => true, clock).start();

    await pass(clock, 11_000);
    expect(relay).toHaveBeenCalledTimes(2);
    await pass(clock, 19_000);
    expect(relay).toHaveBeenCalledTimes(2);
    await pass(clock, 280_000);
    expect(relay).toHaveBeenCalledTimes(5);
    await pass(clock, 170_000);
    expect(relay).toHaveBeenCalledTimes(7);

    for (const round of rounds) round.resolve(0);
    await turn();
    await pass(clock, 11_000);
    expect(relay).toHaveBeenCalledTimes(9);
  });
});
