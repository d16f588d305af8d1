import { setTimeout as wait } from 'node:timers/promises';
import { MemoryOutbox } from '../../src/cache/index.js';
import { figure, isMeasuring } from '../support/figures.js';
import { between, failed, shareOf, underLoad, type Answer } from '../support/load.js';
import { outcomesOfService, servedWell } from '../support/outcomes-of-service.js';
import { pollUntil } from '../support/processes.js';
import { startSentinels, type SentinelProcesses } from '../support/redis-sentinel.js';
import { startVersionedApp, VersionedDatabase, type VersionedApp } from '../support/versioned-app.js';

jest.setTimeout(180_000);

/** Prime, so that what is written is also read. */
const KEYS = 19;
const RATE = 50;
const USED_WITHIN_MS = 2000;

/** What two processes of a service went through that lost the master of their sentinels. */
interface Loss {
  readonly answers: readonly Answer[];
  readonly wrong: readonly string[];
  /** From the loss on: until the sentinels had agreed on another master, and until both found entries there. */
  readonly switchedMs: number;
  readonly usedMs: number;
  /** Of a hundred reads, before and while there was no master that could be used. */
  readonly hits: { readonly before: number; readonly without: number };
  readonly writes: number;
  /** Of the built service that is started when it is over. */
  readonly outcomes: readonly (string | null)[];
}

async function lose(
  fail: (processes: SentinelProcesses) => Promise<void> | void,
  afterwards: (processes: SentinelProcesses) => Promise<Loss['outcomes']> = () => Promise.resolve([]),
): Promise<Loss> {
  const processes = await startSentinels();
  const database = new VersionedDatabase();
  const apps: VersionedApp[] = [];
  // What one of them cannot invalidate the other sees, as in the table that they would share.
  const outbox = new MemoryOutbox();
  const { sentinels, masterName: sentinelMaster } = processes;
  let writes = 0;
  const call = (n: number): Promise<Answer> => {
    const [one, id] = [apps[n % apps.length]!, String((n * 7) % KEYS)];
    if (n % 13 !== 1) return one.get(id);
    writes++;
    return one.write(id);
  };
  try {
    for (let count = 0; count < 2; count++) {
      // A busy machine shall not look like a slow Redis.
      const address = { sentinels: [...sentinels], sentinelMaster, commandTimeoutMs: 1000 };
      apps.push(await startVersionedApp(database, address, { outbox }));
    }
    await Promise.all(apps.map((one) => one.available()));
    const isFoundByAll = async () => {
      const answers = await Promise.all(apps.map((one) => one.get('probe')));
      return shareOf(answers, 'HIT') === 1;
    };
    await pollUntil(isFoundByAll, 10_000);

    let [lostAt, switchedAt, usedAt] = [0, 0, 0];
    const answers = await underLoad(RATE, call, async () => {
      // A busy machine may take longer than that second to have found anything.
      await pollUntil(isFoundByAll, 30_000);
      await wait(1000);
      lostAt = performance.now();
      await fail(processes);
      await pollUntil(async () => (await processes.masterPort()) === processes.replica.port, 30_000);
      switchedAt = performance.now();
      await pollUntil(isFoundByAll, 30_000);
      usedAt = performance.now();
      await wait(1000);
    });
    return {
      answers,
      wrong: database.wrong,
      switchedMs: switchedAt - lostAt,
      usedMs: usedAt - lostAt,
      hits: {
        before: hitsOf(between(answers, 0, lostAt)),
        without: hitsOf(between(answers, lostAt, usedAt)),
      },
      writes,
      outcomes: await afterwards(processes),
    };
  } finally {
    await Promise.all(apps.map((one) => one.close()));
    await processes.stop();
  }
}

/** Of a hundred reads; writes say nothing of the cache. */
function hitsOf(answers: readonly Answer[]): number {
  return (
    100 *
    shareOf(
      answers.filter(({ cache }) => cache !== null),
      'HIT',
    )
  );
}

let dead: Promise<Loss>;
let hung: Promise<Loss>;

// They wait most of their time, so they do it together; those that are measured have the machine to themselves.
beforeAll(() => {
  dead = lose(
    ({ master }) => master.kill(),
    ({ sentinels, masterName }) =>
      outcomesOfService({ REDIS_SENTINELS: sentinels.join(','), REDIS_SENTINEL_MASTER: masterName }),
  );
  const hang = () =>
    lose(({ master }) => {
      master.freeze();
    });
  hung = isMeasuring ? dead.then(hang) : hang();
  for (const loss of [dead, hung]) loss.catch(() => undefined);
});

it.each([
  ['dies', () => dead],
  ['hangs', () => hung],
])(
  'F18: a master of sentinels that %s under load fails nobody, and nothing old is given',
  async (how, loss) => {
    const { answers, wrong, switchedMs, usedMs, hits, writes } = await loss();

    figure('F18', `master ${how}: answers`, answers.length);
    figure('F18', `master ${how}: failed`, failed(answers).length, { atMost: 0 });
    figure('F18', `master ${how}: old answers`, wrong.length, { atMost: 0 });
    figure('F18', `master ${how}: hits before, %`, hits.before);
    figure('F18', `master ${how}: hits until another is used, %`, hits.without);
    figure('F18', `master ${how}: until another is named, ms`, switchedMs);
    figure('F18', `master ${how}: until entries are found there, ms`, usedMs, {
      atMost: switchedMs + USED_WITHIN_MS,
    });
    expect(failed(answers)).toEqual([]);
    expect(wrong).toEqual([]);
    expect(hits.before).toBeGreaterThan(0);
    expect(writes).toBeGreaterThan(5);
  },
);

it('the built service that REDIS_SENTINELS tells of them keeps, finds and invalidates at the master they have named since', async () => {
  expect((await dead).outcomes).toEqual(servedWell);
});
