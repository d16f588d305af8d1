import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from 'redis';
import { EPOCH } from '../../src/cache/engine/tags.js';
import { parseRedisAddress } from '../../src/cache/redis/redis-address.js';
import type { RedisClient } from '../../src/cache/redis/redis-connection.js';
import { RedisConnections } from '../../src/cache/redis/redis-connections.js';
import { RedisStore } from '../../src/cache/stores/redis.store.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { aName, entryOf, storeContract } from './store.contract.js';

const timings = { connectTimeoutMs: 5000, silenceLimitMs: 1000, trustedReplyMs: 1000, maxBackoffMs: 200 };
const open: RedisConnections[] = [];
const k = aName();

function connect(url: string, namespace: string): RedisStore {
  let beforeUse = (_client: RedisClient, _isNew: boolean): Promise<void> => Promise.resolve();
  const connections = new RedisConnections({
    address: parseRedisAddress(url),
    timings,
    connections: 1,
    spread: false,
    retryOnTimeout: false,
    beforeUse: (client, isNew) => beforeUse(client, isNew),
    emit: () => undefined,
  });
  const store = new RedisStore(connections, namespace);
  beforeUse = (client, isNew) => store.beforeUse(client, isNew);
  open.push(connections);
  return store;
}

function available(store: RedisStore): Promise<void> {
  return pollUntil(() => Promise.resolve(store.isAvailable()), 5000);
}

afterEach(async () => {
  await Promise.all(open.splice(1).map((connections) => connections.close()));
});

describe('the store in Redis', () => {
  let store: RedisStore;

  beforeAll(async () => {
    const url = process.env.TEST_REDIS_URL;
    if (!url)
      throw new Error('TEST_REDIS_URL is not set: these tests need a real Redis. Run them through npm test.');
    store = connect(url, `${randomUUID()}:`);
    await available(store);
  });

  afterAll(async () => {
    await Promise.all(open.map((connections) => connections.close()));
  });

  storeContract(
    () => store,
    (ms) => wait(ms),
  );
});

describe('a Redis that forgets or remembers too much', () => {
  let redis: RedisProcess;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    redis.thaw();
    await redis.stop();
  });

  it('does not get its old entries served after it came back from an old snapshot', async () => {
    const store = connect(redis.url, '');
    await available(store);
    const { tokens } = await store.open(k, [EPOCH], 60_000, 1000);
    const other = createClient({ url: redis.url });
    await other.connect();
    // What a restart from a snapshot looks like: everything there, under the id of an earlier run.
    await other.set('cache:server', 'an-earlier-run');
    await other.close();

    const another = connect(redis.url, '');
    await available(another);

    expect((await another.read(k, [EPOCH], 1000)).tokens[0]).not.toBe(tokens[0]);
  });

  it('is not read again before invalidations that it missed have reached it', async () => {
    const store = connect(redis.url, '');
    await available(store);
    const { tokens } = await store.open(k, ['tag/course:1'], 60_000, 1000);
    redis.freeze();

    await expect(store.invalidate(['tag/course:1'], [], 50)).rejects.toMatchObject({
      code: 'CACHE_STORE_UNAVAILABLE',
    });
    expect(store.isAvailable()).toBe(false);
    redis.thaw();
    await available(store);

    expect(tokens[0]).toBeDefined();
    expect((await store.read(k, ['tag/course:1'], 1000)).tokens).toEqual([undefined]);
  });

  it('answers with an error within the budget when it hangs', async () => {
    const store = connect(redis.url, '');
    await available(store);
    redis.freeze();
    const since = performance.now();

    await expect(store.read(k, [], 50)).rejects.toMatchObject({
      code: 'CACHE_STORE_UNAVAILABLE',
      message: 'timeout',
    });

    expect(performance.now() - since).toBeLessThan(500);
    expect(store.isAvailable()).toBe(false);
  });

  it('refuses new entries when it is full, and still takes invalidations', async () => {
    const store = connect(redis.url, '');
    await available(store);
    await store.open(k, ['tag/course:1'], 60_000, 1000);
    const admin = createClient({ url: redis.url });
    await admin.connect();
    await admin.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' });

    await expect(store.write(k, entryOf(k, 'x'))).rejects.toMatchObject({ message: 'OOM' });
    await store.invalidate(['tag/course:1'], [], 1000);

    expect((await store.read(k, ['tag/course:1'], 1000)).tokens).toEqual([undefined]);
    await admin.close();
  });
});
