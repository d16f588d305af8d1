import { systemClock } from '../../src/cache/engine/clock.js';
import { EPOCH } from '../../src/cache/engine/tags.js';
import { pollUntil } from '../support/processes.js';
import { ask } from '../support/ask-redis.js';
import { figure } from '../support/figures.js';
import { startSentinels, type SentinelProcesses } from '../support/redis-sentinel.js';
import { openStore, type OpenStore } from '../support/redis-store.js';
import { aName, entryOf } from './store.contract.js';

jest.setTimeout(90_000);

const BUDGET_MS = 1000;
/** Nobody may be behind for longer while there are two masters. */
const STALE_MS = 2000;
const name = aName('x');
const tags = [EPOCH, 'tag/course:1'];
const password = 'sentinel-test';

let processes: SentinelProcesses;
let open: OpenStore;

async function start(): Promise<void> {
  processes = await startSentinels({ password });
  open = openStore({ sentinels: processes.sentinels, sentinelMaster: processes.masterName, password });
  await open.available(10_000);
}

afterEach(async () => {
  processes.master.thaw();
  await open.close();
  await processes.stop();
});

/** @returns when the sentinels had agreed on another master */
async function failedOver(): Promise<number> {
  await pollUntil(async () => (await processes.masterPort()) === processes.replica.port, 30_000);
  return performance.now();
}

/** @returns when the store gave an answer again */
async function usable(): Promise<number> {
  await pollUntil(
    () =>
      open.store.tokens(tags, BUDGET_MS).then(
        () => true,
        () => false,
      ),
    10_000,
  );
  return performance.now();
}

/** Fills the store, takes the master away, and sees that another is in use that is believed nothing of before. */
async function survives(fail: () => Promise<void>): Promise<void> {
  const { tokens } = await open.store.open(name, tags, 60_000, BUDGET_MS);
  await open.store.write(name, entryOf(name, 'x'));
  const raw = await ask(processes.master, ['GET', 'token:tag/course:1']);
  await pollUntil(async () => (await ask(processes.replica, ['EXISTS', name.key])) === '1', 5000);

  await fail();
  await pollUntil(() => !open.store.isAvailable(), 5000);
  const switchedAt = await failedOver();
  const waitedMs = (await usable()) - switchedAt;

  figure('F18', 'until the new master is used, ms', waitedMs, { atMost: 2000 });
  expect(await ask(processes.replica, ['GET', 'token:tag/course:1'])).toBe(raw);
  const now = (await open.store.read(name, tags, BUDGET_MS)).tokens;
  expect(now.map((token, index) => token === tokens[index])).toEqual([false, false]);
  await pollUntil(() => open.servers.backplane!.heardUntilMs > performance.now(), 5000);
}

describe('F18: a master named by sentinels', () => {
  it('is replaced when it dies', async () => {
    await start();

    await survives(() => processes.master.kill());
  });

  it('is replaced when it hangs, and not asked again when it has become a replica', async () => {
    await start();

    await survives(() => {
      processes.master.freeze();
      return Promise.resolve();
    });
    processes.master.thaw();
    await pollUntil(
      // The sentinels close its connections when they make it one.
      async () =>
        (await ask(processes.master, ['INFO', 'replication']).catch(() => '')).includes('role:slave'),
      30_000,
    );

    const { tokens } = await open.store.open(name, tags, 60_000, BUDGET_MS);
    expect(await ask(processes.replica, ['GET', 'token:tag/course:1'])).toBe(tokens[1]?.split(':').at(-1));
  });

  it('F59: is left when it goes on cut off from the others; and what was taken away there is old elsewhere', async () => {
    await start();
    const looks: (() => void)[] = [];
    const clock = {
      ...systemClock,
      schedule: (_: number, look: () => void) => (looks.push(look), () => undefined),
    };
    const late = openStore(
      { sentinels: processes.sentinels, sentinelMaster: processes.masterName, password },
      { clock },
    );
    await late.available(10_000);
    const { tokens: before } = await open.store.open(name, tags, 60_000, BUDGET_MS);
    /** Whether all is made anew since then; nobody knows without an answer. */
    const isOther = async (than: readonly (string | undefined)[]) => {
      const now = await open.store.tokens(tags, BUDGET_MS).catch(() => undefined);
      return now && now[0] !== than[0];
    };

    await processes.isolateMaster();
    const switchedAt = await failedOver();
    let oldAnswers = 0;
    await pollUntil(async () => {
      const isLate = performance.now() - switchedAt > STALE_MS;
      const isLeft = await isOther(before);
      if (isLate && isLeft === false) oldAnswers++;
      return isLeft ?? false;
    }, 10_000);
    figure('F59', 'until the new master is used, ms', performance.now() - switchedAt, { atMost: 2000 });
    figure('F59', 'answers that are old by more than 2 s', oldAnswers, { atMost: 0 });

    const { tokens: after } = await open.store.open(name, tags, 60_000, BUDGET_MS);
    await late.store.invalidate(['tag/course:1'], [], BUDGET_MS);
    expect(await open.store.tokens(tags, BUDGET_MS)).toEqual(after);
    const lookedAt = performance.now();
    for (const look of looks) look();
    await pollUntil(async () => (await isOther(after)) ?? false, 10_000);
    // It looks once a second.
    const limit = { atMost: STALE_MS - 1000 };
    figure('F59', 'until that is old elsewhere, ms after a look', performance.now() - lookedAt, limit);
    await late.close();
  });

  it('is found although some sentinels are gone; none that knows it is reported once', async () => {
    await start();
    const [first = ''] = processes.sentinels;
    const gone = '127.0.0.1:1';
    const other = openStore({ sentinels: [gone, first], sentinelMaster: processes.masterName, password });
    const unknown = openStore({ sentinels: processes.sentinels, sentinelMaster: 'nobody', password });
    const nowhere = openStore({ sentinels: [gone] });
    const reasons = ({ events }: OpenStore) =>
      events.flatMap((event) => (event.event === 'cache.connect_failed' ? event.reason : []));

    await other.available();
    await pollUntil(() => reasons(unknown).length > 0 && reasons(nowhere).length > 0, 5000);

    expect(other.servers.url).toBe(`redis+sentinel://***@${gone},${first}/${processes.masterName}`);
    expect(reasons(unknown)).toEqual(['NO_MASTER']);
    expect(reasons(nowhere)).toEqual(['ECONNREFUSED']);
    await Promise.all([other, unknown, nowhere].map((one) => one.close()));
  });
});
