import { MemoryOutbox } from '../../src/cache/index.js';
import { EPOCH } from '../../src/cache/engine/tags.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { outboxContract } from './outbox.contract.js';

const CONFIRM = () => Promise.resolve(true);

describe('the outbox in memory', () => {
  outboxContract(
    () => new MemoryOutbox(new FakeClock()),
    () => Promise.resolve(),
  );

  it('lets rows grow old by the clock it was given', async () => {
    const clock = new FakeClock();
    const outbox = new MemoryOutbox(clock);
    await outbox.narrow(['1'], ['tag/book:1']);

    clock.advance(299);
    expect(await outbox.relay(300, CONFIRM)).toBe(0);
    clock.advance(1);
    expect(await outbox.relay(300, CONFIRM)).toBe(1);
  });

  it.each([
    ['rows', 9000, 1],
    ['tags', 3, 4000],
  ])('invalidates everything when there are too many %s to remember', async (_, rows, tags) => {
    const outbox = new MemoryOutbox();
    for (let row = 1; row <= rows; row++) {
      await outbox.narrow(
        [`${row}`],
        Array.from({ length: tags }, (_, tag) => `tag/book:${row}.${tag}`),
      );
    }
    const apply = jest.fn(CONFIRM);

    while ((await outbox.relay(0, apply)) > 0);

    expect(apply.mock.calls.flat(2)).toContain(EPOCH);
  });
});
