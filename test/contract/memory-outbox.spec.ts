import { EPOCH } from '../../src/cache/engine/tags.js';
import { MemoryOutbox } from '../../src/cache/outbox/memory.outbox.js';
import { outboxContract } from './outbox.contract.js';

const CONFIRM = () => Promise.resolve(true);

describe('the outbox in memory', () => {
  outboxContract(
    () => new MemoryOutbox(),
    () => Promise.resolve(),
  );

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

    while ((await outbox.relay(0, apply)) !== 0);

    expect(apply.mock.calls.flat(2)).toContain(EPOCH);
  });
});
