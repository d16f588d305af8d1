import { setImmediate as turn } from 'node:timers/promises';
import { resultTtlMs } from '../engine/duration.js';
import { Faults } from './faults.js';
import { decide, type StoreRules } from './store-decision.js';
import { tagRules } from './tag-rules.js';

const rejects = () => Promise.reject(new Error('of a promise that nobody waits for'));
const ttlMs = () => 1000;
const rules = tagRules(rejects as never, undefined, 'a test', new Faults());

it.each<[string, StoreRules]>([
  ['unless', { ttlMs, unless: rejects as never }],
  ['ttl', { ttlMs: resultTtlMs(rejects as never, 'a test') }],
  ['tags', { ttlMs, rules }],
])('%s that is a promise costs the entry, and nothing else when it rejects', async (_, said) => {
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);

  expect(decide(said, { args: [], result: {} }).entry).toBeUndefined();

  await turn();
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
