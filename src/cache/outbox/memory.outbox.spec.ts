import { EPOCH } from '../engine/tags.js';
import { MemoryOutbox } from './memory.outbox.js';

const confirms = () => Promise.resolve(true);

/** What a relay is to carry out now. */
async function relayed(outbox: MemoryOutbox): Promise<string[]> {
  const applied: string[] = [];
  await outbox.relay(0, (tags) => {
    applied.push(...tags);
    return Promise.resolve(true);
  });
  return applied;
}

it('holds no more than so many rows at a time, however many come and go', async () => {
  const outbox = new MemoryOutbox();
  for (let n = 0; n < 10_001; n++) {
    await outbox.narrow([String(n)], ['tag/book:1']);
    await outbox.relay(0, confirms);
  }

  await outbox.narrow(['last'], ['tag/book:2']);

  const applied = await relayed(outbox);
  expect(applied).toContain('tag/book:2');
  expect(applied).not.toContain(EPOCH);
});

it('has everything invalidated in place of too many, and says till then that none of them is settled', async () => {
  const outbox = new MemoryOutbox();
  // A row and its tag count for two.
  for (let n = 0; n < 5001; n++) await outbox.narrow([String(n)], ['tag/book:1']);

  expect(await outbox.unsettled(['0', '5000'])).toEqual(['0', '5000']);
  expect(await relayed(outbox)).toContain(EPOCH);
  expect(await outbox.unsettled(['0', '5000'])).toEqual([]);
});
