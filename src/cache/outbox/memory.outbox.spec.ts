import { deferred } from '../../../test/support/deferred.js';
import { EPOCH } from '../engine/tags.js';
import { MemoryOutbox } from './memory.outbox.js';

/** What a relay is to carry out now. */
async function relayed(outbox: MemoryOutbox): Promise<string[]> {
  const applied: string[] = [];
  await outbox.relay(0, (tags) => {
    applied.push(...tags);
    return Promise.resolve(true);
  });
  return applied;
}

/** A row and its tag count for two. */
async function tooMany(outbox: MemoryOutbox): Promise<void> {
  for (let n = 0; n < 5001; n++) await outbox.narrow([String(n)], ['tag/book:1']);
}

it('holds no more than so many rows at a time, however many come and go, or are given up once more', async () => {
  const outbox = new MemoryOutbox();
  const applied = new Set<string>();
  for (let n = 0; n < 10_001; n++) {
    await outbox.narrow([String(n)], ['tag/book:1']);
    for (const tag of await relayed(outbox)) applied.add(tag);
  }
  for (let n = 0; n < 10_001; n++) await outbox.narrow(['last'], ['tag/book:2']);

  for (const tag of await relayed(outbox)) applied.add(tag);
  expect([...applied]).toEqual(['tag/book:1', 'tag/book:2']);
});

it('has everything invalidated in place of too many, and says till then that none of them is settled', async () => {
  const outbox = new MemoryOutbox();
  await tooMany(outbox);

  expect(await outbox.unsettled(['0', '5000'])).toEqual(['0', '5000']);
  expect(await relayed(outbox)).toContain(EPOCH);
  expect(await outbox.unsettled(['0', '5000'])).toEqual([]);
});

it('has everything invalidated once more where there are too many again while that is done', async () => {
  const outbox = new MemoryOutbox();
  const mayEnd = deferred<boolean>();
  await tooMany(outbox);
  const relaying = outbox.relay(0, () => mayEnd.promise);
  await tooMany(outbox);
  mayEnd.resolve(true);
  await relaying;

  expect(await relayed(outbox)).toContain(EPOCH);
});
