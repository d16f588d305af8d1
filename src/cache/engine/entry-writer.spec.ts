import { simulatePartitions, type PartitionedStore } from '../../../test/support/partitioned-store.js';
import {
  aSubject,
  course,
  gives,
  never,
  subjectParts,
  testEngine,
} from '../../../test/support/test-engine.js';
import { resolveOptions } from '../resolve-options.js';
import { FakeClock, simulateInstances, type SimulatedInstance } from '../testing/index.js';
import { Subject } from './subject.js';

const ASKED_MS = 10_000;
/** The most that `Math.random` gives, nearly. */
const NEARLY_ONE = 0.999_999;

afterEach(() => {
  jest.restoreAllMocks();
});

/** @returns how long an entry of {@link ASKED_MS} was kept, by all who tell */
async function keptMs(jitter: number, random: number): Promise<unknown[]> {
  jest.spyOn(Math, 'random').mockReturnValue(random);
  const clock = new FakeClock();
  const [instance] = simulateInstances(1, clock) as [SimulatedInstance];
  const here = testEngine(instance, { jitter });
  const subject = aSubject();
  await here.get(subject, () => Promise.resolve('kept'));
  await here.engine.background.settle();
  const told = here.events.flatMap((event) => (event.event === 'cache.stored' ? event.ttlMs : []));
  const { stored } = await instance.store.read(subject, [], 1000);
  return [...told, stored?.entry.ttlMs, stored?.leftMs];
}

describe('what was stored together expires apart: the TTL of an entry', () => {
  const byDefault = resolveOptions({}).jitter;

  it.each([
    ['is the one asked for at most', byDefault, 0, ASKED_MS],
    ['is at most a tenth shorter by default', byDefault, NEARLY_ONE, 9000],
    ['loses what lies between them by chance', byDefault, 0.5, 9500],
    ['loses the part that the application allows', 0.4, NEARLY_ONE, 6000],
    ['is exact where it allows none', 0, NEARLY_ONE, ASKED_MS],
    ['never ends before it begins', 1, NEARLY_ONE, 1],
  ])('%s', async (_, jitter, random, expectedMs) => {
    expect(await keptMs(jitter, random)).toEqual([expectedMs, expectedMs, expectedMs]);
  });
});

it('an entry whose place in the store is away, while the rest answers, is kept by its process and not written in vain', async () => {
  const clock = new FakeClock();
  const [store] = simulatePartitions(1, 2, clock) as [PartitionedStore];
  const here = testEngine({ clock, store });
  const subject = [1, 2, 3, 4, 5, 6, 7, 8]
    .map((n) => new Subject({ ...subjectParts({}, `view|/${n}`), tags: () => [course] }))
    .find(({ key }) => store.partOf(key) !== store.partOf(course))!;
  store.partOf(subject.key).fail();

  await here.get(subject, gives('kept'));
  await here.engine.background.settle();

  expect(here.events.map(({ event }) => event)).not.toContain('cache.set_error');
  expect(here.events).toContainEqual(expect.objectContaining({ event: 'cache.stored', subject }));
  expect(await here.get(subject, never)).toEqual({ value: 'kept', how: 'hit' });
});
