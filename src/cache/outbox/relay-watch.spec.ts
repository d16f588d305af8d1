import { deferred, turn } from '../../../test/support/deferred.js';
import { FakeClock } from '../testing/index.js';
import type { Outbox } from './outbox.js';
import { RelayWatch } from './relay-watch.js';

describe('whoever waits for their rows to be settled', () => {
  let clock: FakeClock;
  let unsettled: jest.Mock<Promise<readonly string[]>, [readonly string[]]>;
  let watch: RelayWatch;

  beforeEach(() => {
    clock = new FakeClock();
    unsettled = jest.fn((rows) => Promise.resolve(rows));
    watch = new RelayWatch({ unsettled } as unknown as Outbox, clock);
  });

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await turn();
    }
  }

  it('is told when all of them are', async () => {
    const waiting = watch.settled(['1', '2'], 1000);
    unsettled.mockResolvedValueOnce(['2']).mockResolvedValue([]);

    await pass(200);

    expect(await waiting).toBe(true);
  });

  it('asks together with all others', async () => {
    const waiting = [watch.settled(['1'], 1000), watch.settled(['2'], 1000)];
    await pass(100);

    expect(unsettled.mock.calls).toEqual([[['1', '2']]]);
    unsettled.mockResolvedValue(['2']);
    await pass(900);
    expect(await Promise.all(waiting)).toEqual([true, false]);
  });

  it.each<[string, () => Promise<readonly string[]>]>([
    ['hangs', () => deferred<readonly string[]>().promise],
    ['is away', () => Promise.reject(new Error('away'))],
  ])('waits no longer than they said when the database %s', async (_, answer) => {
    unsettled.mockImplementation(answer);
    const waiting = watch.settled(['1'], 850);

    await pass(850);

    expect(await waiting).toBe(false);
  });

  it('is told although the database never answered somebody before', async () => {
    unsettled.mockReturnValueOnce(deferred<readonly string[]>().promise).mockResolvedValue([]);
    const first = watch.settled(['1'], 500);
    await pass(500);
    expect(await first).toBe(false);

    const next = watch.settled(['2'], 1500);
    await pass(1500);

    expect(await next).toBe(true);
  });

  it('is not told by an answer to what was asked before they came', async () => {
    const answer = deferred<readonly string[]>();
    unsettled.mockReturnValueOnce(answer.promise);
    const first = watch.settled(['1'], 1000);
    await pass(100);
    const second = watch.settled(['2'], 500);
    answer.resolve([]);

    await pass(500);

    expect(await first).toBe(true);
    expect(await second).toBe(false);
  });

  it('is told when nobody has waited for a while, in which nobody was asked', async () => {
    unsettled.mockResolvedValue([]);
    const first = watch.settled(['1'], 1000);
    await pass(500);
    expect(await first).toBe(true);
    expect(unsettled).toHaveBeenCalledTimes(1);

    const next = watch.settled(['2'], 1000);
    await pass(1000);

    expect(await next).toBe(true);
    expect(unsettled).toHaveBeenCalledTimes(2);
  });

  it('waits no longer than a thousand others let them', async () => {
    const others = Array.from({ length: 1000 }, (_, n) => watch.settled([String(n)], 1000));

    expect(await watch.settled(['late'], 1000)).toBe(false);
    await pass(1000);
    await Promise.all(others);
  });
});
