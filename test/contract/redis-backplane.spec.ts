import type { BackplaneListener } from '../../src/cache/engine/backplane.js';
import { RedisBackplane, type RedisBackplaneOptions } from '../../src/cache/redis/redis-backplane.js';
import { paceOfAbsences, paceOfRefusals } from '../../src/cache/redis/reconnection-pace.js';
import type { RedisTimings } from '../../src/cache/redis/redis-timings.js';
import { FakeClock } from '../../src/cache/testing/index.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { ask } from '../support/ask-redis.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { openStore, type OpenStore } from '../support/redis-store.js';

const BUDGET_MS = 1000;
const LEASE_MS = 1000;
/** A busy machine shall not look like a connection that has fallen silent. */
const timings: RedisTimings = {
  connectTimeoutMs: 10_000,
  heartbeatMs: 500,
  silenceLimitMs: 10_000,
  slowMs: 10_000,
};
/** Where it is to be given up. */
const impatient: RedisTimings = { ...timings, silenceLimitMs: 1000, slowMs: 1000 };

let redis: RedisProcess;
let proxy: FaultProxy;
let writer: OpenStore;
let clock: FakeClock;
let backplane: RedisBackplane;
/** What was heard, in order, and how far the backplane vouched at that moment. */
let heard: ({ tags: readonly string[] } | { gap: number })[];

beforeEach(async () => {
  redis = await startRedis();
  proxy = await startFaultProxy(redis.url);
  clock = new FakeClock();
  writer = openStore({ url: redis.url, maxConnections: 1 });
  await writer.available();
  backplane = listenTo({});
});

afterEach(async () => {
  redis.thaw();
  await Promise.all([backplane.close(), writer.close()]);
  await proxy.close();
  await redis.stop();
});

function listenTo(options: Partial<RedisBackplaneOptions>): RedisBackplane {
  const made = new RedisBackplane({
    locate: () =>
      Promise.resolve({
        host: '127.0.0.1',
        port: Number(new URL(proxy.url).port),
        tls: false,
        username: undefined,
        password: undefined,
        database: 0,
        clientName: 'test',
      }),
    timings,
    clock,
    paceWhenRefused: paceOfRefusals(),
    paceWhenAway: paceOfAbsences(200),
    channel: 'cache:invalidated',
    epochKey: 'token:epoch',
    isOurs: () => true,
    ...options,
  });
  heard = [];
  const listener: BackplaneListener = {
    onInvalidated: (tags) => heard.push({ tags }),
    onGap: () => heard.push({ gap: made.heardUntilMs }),
  };
  made.listen(listener);
  made.start();
  return made;
}

const gaps = () => heard.filter((told) => 'gap' in told);
const tagsHeard = () => heard.flatMap((told) => ('tags' in told ? told.tags : []));
const isVouching = () => backplane.heardUntilMs === clock.monotonicMs() + LEASE_MS;

it('vouches for a second from the sending of a heartbeat, and for nothing before a gap was told', async () => {
  expect(backplane.heardUntilMs).toBe(-Infinity);

  await pollUntil(isVouching, 5000);
  expect(heard).toEqual([{ gap: -Infinity }]);

  clock.advance(LEASE_MS + 1);
  expect(backplane.heardUntilMs).toBeLessThan(clock.monotonicMs());
  await pollUntil(isVouching, 5000);
  expect(heard).toHaveLength(1);
});

it('hears of every invalidation of another process before it vouches for the time after', async () => {
  await pollUntil(isVouching, 5000);
  const sent: string[] = [];

  for (let round = 0; round < 4; round++) {
    const tags = Array.from({ length: 200 }, (_, n) => `tag/course:${round}-${n}`);
    await Promise.all(tags.map((tag) => writer.store.invalidate([tag], [], BUDGET_MS)));
    sent.push(...tags);
    clock.advance(1);
    await pollUntil(isVouching, 5000);
    expect(tagsHeard()).toHaveLength(sent.length);
  }

  expect(new Set(tagsHeard())).toEqual(new Set(sent));
});

it('hears of what was softened as of what was taken away', async () => {
  await pollUntil(isVouching, 5000);

  await writer.store.invalidate(['any', 'tag/a:1'], ['tag/b:1'], BUDGET_MS);

  await pollUntil(() => tagsHeard().length > 0, 5000);
  expect(heard.at(-1)).toEqual({ tags: ['any', 'tag/a:1', 'tag/b:1'] });
});

it('has nothing taken away that nobody can be told of', async () => {
  await ask(redis, ['SET', 'token:tag/a:1', 'present']);
  await ask(redis, ['ACL', 'SETUSER', 'default', 'resetchannels']);

  await expect(writer.store.invalidate(['tag/a:1'], [], BUDGET_MS)).rejects.toThrow('NOPERM');

  expect(await ask(redis, ['EXISTS', 'token:tag/a:1'])).toBe('1');
});

it('tells of a gap when its connection was killed, and hears on', async () => {
  await pollUntil(isVouching, 5000);

  await ask(redis, ['CLIENT', 'KILL', 'TYPE', 'pubsub']);
  await pollUntil(() => gaps().length === 2, 5000);

  expect(gaps()).toEqual([{ gap: -Infinity }, { gap: -Infinity }]);
  await pollUntil(isVouching, 5000);
  await writer.store.invalidate(['tag/a:1'], [], BUDGET_MS);
  await pollUntil(() => tagsHeard().includes('tag/a:1'), 5000);
});

it('vouches no further when its connection falls silent, and gives it up', async () => {
  await backplane.close();
  backplane = listenTo({ timings: impatient });
  await pollUntil(isVouching, 5000);
  proxy.silence(0);
  const lastMs = backplane.heardUntilMs;
  clock.advance(LEASE_MS + 1);

  expect(backplane.heardUntilMs).toBeLessThanOrEqual(lastMs);
  expect(isVouching()).toBe(false);
  await pollUntil(() => gaps().length === 2, 5000);
  await pollUntil(isVouching, 5000);
});

it('vouches no further while Redis hangs, and tells of a gap after', async () => {
  await backplane.close();
  backplane = listenTo({ timings: impatient });
  await pollUntil(isVouching, 5000);
  redis.freeze();
  clock.advance(LEASE_MS + 1);

  await pollUntil(() => backplane.heardUntilMs === -Infinity, 5000);
  redis.thaw();

  await pollUntil(isVouching, 10_000);
  expect(gaps().length).toBeGreaterThanOrEqual(2);
});

it('takes a message that nobody can read for a gap', async () => {
  await pollUntil(isVouching, 5000);

  await ask(redis, ['PUBLISH', 'cache:invalidated', '{"no":"list"}']);

  await pollUntil(() => gaps().length === 2, 5000);
});

it('never vouches for a server that invalidations do not go to', async () => {
  await backplane.close();
  let identity: string | undefined;
  backplane = listenTo({
    isOurs: ({ text }) => {
      identity = text;
      return false;
    },
  });

  await pollUntil(() => gaps().length >= 3, 10_000);

  expect(identity).toBeDefined();
  expect(gaps()).toEqual(gaps().map(() => ({ gap: -Infinity })));
  expect(backplane.heardUntilMs).toBe(-Infinity);
});

it('vouches for nothing, and stays, where nobody knows whether invalidations go to its server', async () => {
  await backplane.close();
  const isOurs = jest.fn(() => undefined);
  backplane = listenTo({ isOurs });

  await pollUntil(() => isOurs.mock.calls.length >= 3, 10_000);

  expect(gaps()).toHaveLength(1);
  expect(backplane.heardUntilMs).toBe(-Infinity);
});

describe('asked whether everything was heard', () => {
  const epoch = (token: string) => ask(redis, ['SET', 'token:epoch', token]);
  const canCatchUp = async () => (await backplane.catchUp(BUDGET_MS)) === true;

  beforeEach(async () => {
    await epoch('first');
    await pollUntil(canCatchUp, 5000);
  });

  it('says so only once it has heard of all that was confirmed before it was asked', async () => {
    const sent: string[] = [];

    for (let round = 0; round < 200; round++) {
      await writer.store.invalidate([`tag/course:${round}`], [`tag/course:soft-${round}`], BUDGET_MS);
      sent.push(`tag/course:${round}`, `tag/course:soft-${round}`);

      expect(await backplane.catchUp(BUDGET_MS)).toBe(true);
      expect(tagsHeard()).toHaveLength(sent.length);
    }

    expect(tagsHeard()).toEqual(sent);
  });

  it('puts one question for all who ask at the same moment', async () => {
    const gets = async () =>
      Number(/cmdstat_get:calls=(\d+)/.exec(await ask(redis, ['INFO', 'commandstats']))?.[1] ?? 0);
    const before = await gets();

    const all = await Promise.all(Array.from({ length: 100 }, () => backplane.catchUp(BUDGET_MS)));

    expect(all).toEqual(Array(100).fill(true));
    expect((await gets()) - before).toBe(1);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['its server was emptied', () => ask(redis, ['FLUSHALL'])],
    ['everything was invalidated, by hand', () => ask(redis, ['DEL', 'token:epoch'])],
    ['its server has another epoch', () => epoch('second')],
  ])('denies it, and tells of a gap, when %s', async (_, happens) => {
    const gapsBefore = gaps().length;
    await happens();

    expect(await backplane.catchUp(BUDGET_MS)).toBe(false);

    expect(gaps()).toHaveLength(gapsBefore + 1);
    await epoch('third');
    await pollUntil(canCatchUp, 5000);
  });

  it('denies it of a server that invalidations do not go to', async () => {
    await backplane.close();
    backplane = listenTo({ isOurs: () => undefined });
    await pollUntil(() => gaps().length === 1, 5000);

    expect(await backplane.catchUp(BUDGET_MS)).toBe(false);
  });

  it('denies it while it is not connected', async () => {
    await proxy.close();
    await pollUntil(() => backplane.heardUntilMs === -Infinity, 5000);

    expect(await backplane.catchUp(BUDGET_MS)).toBe(false);
  });

  it('says at half the time that it will be late, and then what it has heard; meanwhile nobody waits', async () => {
    redis.freeze();

    const answer = await backplane.catchUp(BUDGET_MS);

    expect(answer).toEqual({ late: expect.any(Promise) });
    expect(await backplane.catchUp(BUDGET_MS)).toBe(false);
    redis.thaw();
    expect(await (answer as { late: Promise<boolean> }).late).toBe(true);
    await pollUntil(canCatchUp, 5000);
  });

  it('denies it in the end where no answer comes', async () => {
    redis.freeze();

    const answer = await backplane.catchUp(200);

    expect(await (answer as { late: Promise<boolean> }).late).toBe(false);
  });
});

it('comes with a store, unless one connection is all there may be', async () => {
  const two = openStore({ url: redis.url, maxConnections: 2 });
  await pollUntil(() => two.servers.backplane!.heardUntilMs > performance.now(), 5000);

  expect(writer.servers.backplane).toBeUndefined();
  await two.close();
  expect(two.servers.backplane!.heardUntilMs).toBe(-Infinity);
});
