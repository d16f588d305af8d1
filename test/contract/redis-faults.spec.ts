import { readFileSync } from 'node:fs';
import { createClient, RedisClient as NodeRedis } from 'redis';
import { encodeEntry } from '../../src/cache/engine/cache-entry.js';
import { reasonOf } from '../../src/cache/engine/cache-errors.js';
import { systemClock } from '../../src/cache/engine/clock.js';
import { ANY, EPOCH, softTag } from '../../src/cache/engine/tags.js';
import type { Outbox } from '../../src/cache/outbox/outbox.js';
import { currentUnit, inUnit, UnitOfWork } from '../../src/cache/outbox/unit-of-work.js';
import type { RedisClient } from '../../src/cache/redis/redis-client.js';
import { simulateInstances } from '../../src/cache/testing/index.js';
import { freePort, pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { deferred, turn } from '../support/deferred.js';
import { ask } from '../support/ask-redis.js';
import { figure } from '../support/figures.js';
import { openStore as openStoreOf, type OpenStore } from '../support/redis-store.js';
import { aSubject, course, gives, testEngine } from '../support/test-engine.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { aName, entryOf } from './store.contract.js';

const BUDGET_MS = 1000;
const TOKEN_TTL_MS = 60_000;
const name = aName('x');
const tag = 'tag/course:1';
const unavailable = { code: 'CACHE_STORE_UNAVAILABLE' };

let redis: RedisProcess;
let opened: OpenStore[] = [];

beforeEach(async () => {
  redis = await startRedis();
});

afterEach(async () => {
  redis.thaw();
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
  await redis.stop();
});

async function openStore(...parameters: Parameters<typeof openStoreOf>): Promise<OpenStore> {
  const one = openStoreOf(...parameters);
  opened.push(one);
  await one.available();
  return one;
}

function tokenOf({ store }: OpenStore): Promise<string | undefined> {
  return store.open(name, [tag], TOKEN_TTL_MS, BUDGET_MS).then(({ tokens }) => tokens[0]);
}

/** Tokens, as soon as the store gives any answer, and none of them is owed. */
async function tokensOnceAsked({ store }: OpenStore, tags: readonly string[]): Promise<readonly unknown[]> {
  let tokens: readonly unknown[] | undefined;
  await pollUntil(async () => {
    tokens = await store.read(name, tags, BUDGET_MS).then(
      (read) => read.tokens,
      () => undefined,
    );
    return tokens !== undefined;
  }, 10_000);
  return tokens!;
}

function breakerStates({ events }: OpenStore): string[] {
  return events.flatMap((event) => (event.event === 'cache.breaker' ? event.state : []));
}

it('a lease that was granted too late is given back, though nobody knows of it any more', async () => {
  const proxy = await startFaultProxy(redis.url);
  const one = await openStore({ url: proxy.url });
  const keys = () => ask(redis, ['KEYS', '*lease*']);
  // The script is known by then: it takes one round trip.
  await tokenOf(one);
  proxy.delay(300);
  const lease = { owner: 'one', ttlMs: 60_000 };

  await expect(one.store.open(name, [tag], TOKEN_TTL_MS, 50, lease)).rejects.toMatchObject(unavailable);

  expect(await keys()).not.toBe('');
  await pollUntil(async () => (await keys()) === '', 5000);
  await proxy.close();
});

describe('a Redis that forgets or remembers too much', () => {
  it('is not believed when it comes back with what it had before an invalidation', async () => {
    const proxyPort = await freePort();
    const proxy = await startFaultProxy(redis.url, proxyPort);
    const one = await openStore({ url: proxy.url });
    const token = await tokenOf(one);
    // A server with the same contents, which does not hear of the invalidation.
    const copy = await startRedis({
      args: ['--replicaof', `127.0.0.1 ${redis.port}`, '--repl-diskless-sync-delay', '0'],
    });
    await pollUntil(async () => (await ask(copy, ['EXISTS', `token:${tag}`])) === '1', 10_000);
    await ask(copy, ['REPLICAOF', 'NO', 'ONE']);
    await one.available();
    const before = await tokenOf(one);
    const raw = await ask(copy, ['GET', `token:${tag}`]);
    await one.store.invalidate([tag], [], BUDGET_MS);

    await proxy.close();
    const detour = await startFaultProxy(copy.url, proxyPort);

    const [now] = await tokensOnceAsked(one, [tag]);
    expect(raw).not.toBe('null');
    expect(String(now).endsWith(raw)).toBe(true);
    expect([token, before]).not.toContain(now);
    await one.close();
    await detour.close();
    await copy.stop();
  });

  it('is left without being asked once it is a replica, and is another one when it is promoted', async () => {
    const other = await startRedis();
    const one = await openStore({ url: redis.url });
    const token = await tokenOf(one);

    await ask(redis, ['REPLICAOF', '127.0.0.1', String(other.port)]);
    await pollUntil(() => !one.store.isAvailable(), 3000);
    await expect(one.store.tokens([tag], BUDGET_MS)).rejects.toMatchObject(unavailable);
    const raw = token?.slice(token.lastIndexOf(':') + 1) ?? '';
    await ask(redis, ['REPLICAOF', 'NO', 'ONE']);
    await ask(redis, ['SET', `token:${tag}`, raw]);
    await one.available(10_000);

    const [now] = await one.store.tokens([tag], BUDGET_MS);
    expect(now?.endsWith(raw)).toBe(true);
    expect(now).not.toBe(token);
    await other.stop();
  });

  it('F17: is never believed as a replica that has lost its master and says so', async () => {
    const one = await openStore({ url: redis.url });
    const token = await tokenOf(one);
    await ask(redis, ['CONFIG', 'SET', 'replica-serve-stale-data', 'no']);

    await ask(redis, ['REPLICAOF', '127.0.0.1', '1']);

    await expect(ask(redis, ['GET', `token:${tag}`])).rejects.toThrow('MASTERDOWN');
    const told = new Set<string>();
    await pollUntil(async () => {
      const answer: unknown = await one.store.tokens([tag], BUDGET_MS).catch((error: unknown) => error);
      expect(answer).toMatchObject(unavailable);
      told.add((answer as Error).message);
      return !one.store.isAvailable();
    }, 3000);
    expect([...told]).toContain('MASTERDOWN');

    await ask(redis, ['REPLICAOF', 'NO', 'ONE']);
    const since = performance.now();
    await one.available(10_000);
    figure('F17', 'has lost its master (MASTERDOWN): until it is used again, ms', performance.now() - since, {
      atMost: 5000,
    });
    expect(await tokenOf(one)).not.toBe(token);
  });

  it('gives every process the same tokens as long as it is the same', async () => {
    const [one, other] = [
      await openStore({ url: redis.url }),
      await openStore({ url: redis.url, maxConnections: 1 }),
    ];

    const token = await tokenOf(one);

    expect(await tokenOf(other)).toBe(token);
    await ask(redis, ['CLIENT', 'KILL', 'TYPE', 'normal']);
    await pollUntil(() => one.events.some(({ event }) => event === 'cache.reconnecting'), 3000);
    await one.available();
    expect(await tokenOf(one)).toBe(token);
  });
});

describe('what was not confirmed', () => {
  const late = { event: 'cache.invalidated_late', count: 1 };

  it('is not read again before it has been paid', async () => {
    const one = await openStore({ url: redis.url });
    expect(await tokenOf(one)).toBeDefined();
    redis.freeze();

    await expect(one.store.invalidate([tag], [], 50)).rejects.toMatchObject(unavailable);
    expect(await one.store.tokens([tag], BUDGET_MS)).toEqual([undefined]);
    await expect(one.store.read(name, [tag], BUDGET_MS)).rejects.toMatchObject(unavailable);
    expect(one.events).not.toContainEqual(late);
    redis.thaw();

    expect(await tokensOnceAsked(one, [tag])).toEqual([undefined]);
    expect(one.events.filter(({ event }) => event === late.event)).toEqual([late]);
  });

  it('is none where Redis was silent a moment ago, and answers within the budget', async () => {
    const one = await openStore({ url: redis.url });
    await tokenOf(one);
    redis.freeze();
    await pollUntil(async () => {
      await one.store.tokens([tag], 20).catch(() => undefined);
      return !one.store.isAvailable();
    }, 1000);
    expect(one.servers.breaker).toBe('closed');

    const invalidated = one.store.invalidate([tag], [], 5000);
    redis.thaw();

    await expect(invalidated).resolves.toBeUndefined();
    expect(await ask(redis, ['EXISTS', `token:${tag}`])).toBe('0');
    await one.available();
    expect(one.events).not.toContainEqual(late);
  });

  it('is paid hard, also when it was soft', async () => {
    const one = await openStore({ url: redis.url });
    await tokenOf(one);
    redis.freeze();

    await expect(one.store.invalidate([], [tag], 50)).rejects.toMatchObject(unavailable);
    redis.thaw();

    expect(await tokensOnceAsked(one, [tag])).toEqual([undefined]);
  });

  it('keeps only its own tokens from being read', async () => {
    const one = await openStore({ url: redis.url });
    const other = 'tag/course:2';
    const [, token] = (await one.store.open(name, [tag, other], TOKEN_TTL_MS, BUDGET_MS)).tokens;
    const admin = createClient({ url: redis.adminUrl });
    await admin.connect();
    // Publishing is forbidden, so nothing can be confirmed.
    await admin.sendCommand(['ACL', 'SETUSER', 'default', '-publish']);

    await expect(one.store.invalidate([tag], [], BUDGET_MS)).rejects.toMatchObject({ message: 'NOPERM' });

    expect(await one.store.tokens([tag, other], BUDGET_MS)).toEqual([undefined, token]);
    await expect(one.store.read(name, [tag], BUDGET_MS)).rejects.toMatchObject(unavailable);
    await expect(one.store.read(name, [other], BUDGET_MS)).resolves.toMatchObject({ tokens: [token] });
    await admin.sendCommand(['ACL', 'SETUSER', 'default', '+publish']);
    await tokensOnceAsked(one, [tag]);
    await one.available();
    await pollUntil(() => one.events.some(({ event }) => event === late.event), 10_000);
    expect(await one.store.tokens([tag, other], BUDGET_MS)).toEqual([undefined, token]);
    admin.destroy();
  });

  it('is paid before the process ends', async () => {
    const one = await openStore({ url: redis.url });
    await tokenOf(one);
    await ask(redis, ['ACL', 'SETUSER', 'default', '-del']);
    await expect(one.store.invalidate([tag], [], BUDGET_MS)).rejects.toMatchObject({ message: 'NOPERM' });
    await ask(redis, ['ACL', 'SETUSER', 'default', '+del']);

    await one.store.payOwed(BUDGET_MS);
    await one.close();

    const other = await openStore({ url: redis.url });
    expect(await other.store.tokens([tag], BUDGET_MS)).toEqual([undefined]);
  });

  it('becomes everything when it is too much', async () => {
    const one = await openStore({ url: redis.url });
    const before = await one.store.open(name, [EPOCH, tag], TOKEN_TTL_MS, BUDGET_MS);
    redis.freeze();

    const many = Array.from({ length: 10_001 }, (_, n) => `tag/course:${n + 2}`);
    await expect(one.store.invalidate(many, [], 50)).rejects.toMatchObject(unavailable);
    redis.thaw();

    expect(await tokensOnceAsked(one, [EPOCH, tag])).toEqual([undefined, before.tokens[1]]);
  });

  it('by others is relayed before a new connection is used, soft as hard', async () => {
    const one = await openStore({ url: redis.url });
    // Also those by which a run that began before sees that it was overtaken.
    const moved = [ANY, 'family/course', tag];
    const { tokens } = await one.store.open(name, [EPOCH, ...moved], TOKEN_TTL_MS, BUDGET_MS);
    const rows = [[`~${tag}`]];
    const outbox = outboxWith(async (apply) => {
      const row = rows.pop();
      return row && (await apply(row)) ? 1 : 0;
    });

    const other = await openStore({ url: redis.url }, { outbox });

    expect(await other.store.tokens([EPOCH, ...moved], BUDGET_MS)).toEqual([
      tokens[0],
      undefined,
      undefined,
      undefined,
    ]);
    expect(rows).toEqual([]);
  });

  it('by others is waited for while they are at it', async () => {
    const one = await openStore({ url: redis.url });
    await tokenOf(one);
    const isHeld = deferred();
    const answers: ('held' | 0)[] = ['held', 0, 0];
    const outbox = outboxWith(async () => {
      const answer = answers.shift() ?? 0;
      if (answer === 'held') isHeld.resolve();
      // Whoever held them has taken the token away by the time nothing is left.
      else await one.store.invalidate([tag], [], BUDGET_MS);
      return answer;
    });

    const other = await openStore({ url: redis.url, maxConnections: 1 }, { outbox });
    await isHeld.promise;

    expect(await other.store.tokens([tag], BUDGET_MS)).toEqual([undefined]);
  });

  it('by others is relayed before anything is read where the database is there only after Redis', async () => {
    const one = await openStore({ url: redis.url });
    await one.store.open(name, [EPOCH, tag, 'tag/course:2'], TOKEN_TTL_MS, BUDGET_MS);
    const rows = [[tag]];
    const outbox = outboxWith(async (apply) => {
      const row = rows.pop();
      return row && (await apply(row)) ? 1 : 0;
    });
    const late = { ...outbox, isReady: false };
    const other = await openStore({ url: redis.url }, { outbox: late });
    expect((await other.store.tokens([tag], BUDGET_MS))[0]).toBeDefined();

    late.isReady = true;
    const [epoch, owed, rest] = await other.store.tokens([EPOCH, tag, 'tag/course:2'], BUDGET_MS);

    expect([epoch, owed, rest]).toEqual([expect.any(String), undefined, expect.any(String)]);
    expect(rows).toEqual([]);
  });

  it('by others is no work of the method that reads first then: it would count as one that wrote', async () => {
    const units: unknown[] = [];
    const outbox = outboxWith(() => {
      units.push(currentUnit());
      return Promise.resolve(0);
    });
    const late = { ...outbox, isReady: false };
    const one = await openStore({ url: redis.url }, { outbox: late });
    late.isReady = true;

    await inUnit(new UnitOfWork('Books.rename', [tag]), () => one.store.tokens([tag], BUDGET_MS));

    expect(units).toEqual([undefined]);
  });

  it('by others, where the database that comes after Redis does not tell, takes everything with it', async () => {
    const one = await openStore({ url: redis.url });
    await one.store.open(name, [EPOCH, tag], TOKEN_TTL_MS, BUDGET_MS);
    const late = { ...outboxWith(() => Promise.reject(new Error('no table'))), isReady: false };
    const other = await openStore({ url: redis.url }, { outbox: late });

    late.isReady = true;

    expect((await other.store.tokens([EPOCH], BUDGET_MS))[0]).toBeUndefined();
    expect((await one.store.tokens([EPOCH], BUDGET_MS))[0]).toBeUndefined();
  });

  it('by others that never end it takes everything with it', async () => {
    const one = await openStore({ url: redis.url });
    await one.store.open(name, [EPOCH, tag], TOKEN_TTL_MS, BUDGET_MS);

    const late = deferred<number>();
    const answers = [Promise.resolve('held' as const), Promise.resolve('held' as const), late.promise];
    const relay = jest.fn(async () => answers.shift() ?? 0);
    const other = await openStore({ url: redis.url, maxConnections: 1 }, { outbox: outboxWith(relay) });

    expect((await other.store.tokens([EPOCH], BUDGET_MS))[0]).toBeUndefined();
    // What is answered only now is not followed by another question.
    late.resolve(1);
    await turn();
    expect(relay).toHaveBeenCalledTimes(3);
  });

  it('by others, where nobody knows what it is, takes everything with it', async () => {
    const one = await openStore({ url: redis.url });
    await one.store.open(name, [EPOCH, tag], TOKEN_TTL_MS, BUDGET_MS);

    const other = await openStore(
      { url: redis.url },
      { outbox: outboxWith(() => Promise.reject(new Error('no database'))) },
    );

    expect((await other.store.tokens([EPOCH], BUDGET_MS))[0]).toBeUndefined();
  });

  it('by others is no business of a connection that comes beside another', async () => {
    let database: Promise<number> = Promise.resolve(0);
    const one = openStoreOf({ url: redis.url }, { outbox: outboxWith(() => database) });
    opened.push(one);
    const uses = jest.spyOn(one.store, 'beforeUse');
    const arrivals = () => uses.mock.calls.filter(([, , arrival]) => arrival !== 'known').length;
    await pollUntil(() => arrivals() === 2, 5000);
    await Promise.all(uses.mock.results.map(({ value }) => value as Promise<void>));
    const { tokens } = await one.store.open(name, [EPOCH, tag], TOKEN_TTL_MS, BUDGET_MS);

    database = Promise.reject(new Error('no database'));
    database.catch(() => undefined);
    await one.servers.write('redis', BUDGET_MS, ({ client }) => {
      client.destroy();
      return Promise.resolve();
    });
    await pollUntil(() => arrivals() === 3, 5000);
    await Promise.all(uses.mock.results.map(({ value }) => value as Promise<void>));

    expect(await one.store.tokens([EPOCH, tag], BUDGET_MS)).toEqual(tokens);
  });
});

describe('an entry that Redis keeps only later, for it stood still', () => {
  it('is not there any more when its time is over', async () => {
    const one = await openStore({ url: redis.url });
    redis.freeze();

    await expect(
      one.store.write(name, { ...entryOf(name, 'late'), ttlMs: 500, graceMs: 100 }),
    ).rejects.toMatchObject(unavailable);
    redis.thaw();
    await tokensOnceAsked(one, [EPOCH]);

    // Had it been told how long from then on, it would be there for longer than this takes.
    expect((await one.store.read(name, [EPOCH], BUDGET_MS)).stored).toBeUndefined();
  });

  it('is there as long as it would have been', async () => {
    const one = await openStore({ url: redis.url });
    redis.freeze();

    await expect(
      one.store.write(name, { ...entryOf(name, 'late'), ttlMs: 60_000, graceMs: 0 }),
    ).rejects.toMatchObject(unavailable);
    redis.thaw();
    await tokensOnceAsked(one, [EPOCH]);

    const { stored } = await one.store.read(name, [EPOCH], BUDGET_MS);
    expect(stored?.leftMs).toBeGreaterThan(30_000);
    // It took a second to give it up.
    expect(stored?.leftMs).toBeLessThanOrEqual(59_100);
  });

  it('is none when the clock of the server was put back', async () => {
    const one = await openStore({ url: redis.url });
    await one.store.write(name, { ...entryOf(name, 'x'), ttlMs: 60_000, graceMs: 0 });
    const key = await ask(redis, ['KEYS', '*']);

    await ask(redis, ['PEXPIRE', key, '3660000']);

    expect((await one.store.read(name, [EPOCH], BUDGET_MS)).stored).toBeUndefined();
  });
});

describe('a Redis that is full', () => {
  it('refuses entries and tokens, and still takes invalidations, soft ones as hard', async () => {
    const one = await openStore({ url: redis.url });
    const tags = [tag, 'tag/course:2', 'tag/course:3'];
    const { tokens } = await one.store.open(name, tags, TOKEN_TTL_MS, BUDGET_MS);
    await ask(redis, ['CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction']);

    await expect(one.store.write(name, entryOf(name, 'x'))).rejects.toMatchObject({ message: 'OOM' });
    await expect(one.store.open(name, ['tag/new'], TOKEN_TTL_MS, BUDGET_MS)).rejects.toMatchObject({
      message: 'OOM',
    });
    await one.store.invalidate([tag], [], BUDGET_MS);
    await one.store.invalidate([], ['tag/course:2'], BUDGET_MS);

    expect(await one.store.tokens(tags, BUDGET_MS)).toEqual([undefined, undefined, tokens[2]]);
  });
});

describe('what is no entry of ours', () => {
  const read = async ({ store }: OpenStore) => {
    const { stored, isUnreadable } = await store.read(name, [tag], BUDGET_MS);
    return { stored, isUnreadable };
  };
  const begun = async ({ store }: OpenStore) => {
    const { stored, isUnreadable } = await store.open(name, [tag], TOKEN_TTL_MS, BUDGET_MS);
    return { stored, isUnreadable };
  };
  const unreadable = { stored: undefined, isUnreadable: true };

  it('is unreadable, whatever it is, and makes room for one', async () => {
    const one = await openStore({ url: redis.url });
    const end = ['PEXPIRE', name.key, '60000'];
    for (const commands of [
      [['SET', name.key, 'nonsense'], end],
      [['SET', name.key, ''], end],
      [['LPUSH', name.key, 'x']],
      [['LPUSH', name.key, 'x'], end],
    ]) {
      await ask(redis, ['DEL', name.key]);
      for (const command of commands) await ask(redis, command);
      expect([commands, await read(one), await begun(one)]).toEqual([commands, unreadable, unreadable]);
    }

    await one.store.write(name, entryOf(name, 'x'));

    expect((await read(one)).stored?.entry).toEqual(entryOf(name, 'x'));
  });

  it('is unreadable when it has no end', async () => {
    const one = await openStore({ url: redis.url });
    await one.store.write(name, entryOf(name, 'x'));

    await ask(redis, ['PERSIST', name.key]);

    expect(await read(one)).toEqual(unreadable);
  });

  it('is neither written nor parsed above 2 MiB, and no more than that is sent', async () => {
    const one = await openStore({ url: redis.url });
    const body = Buffer.alloc(2 * 1024 * 1024, 'x');

    await expect(one.store.write(name, entryOf(name, body))).rejects.toMatchObject({ message: 'too-large' });

    const bytes = Buffer.concat([encodeEntry(entryOf(name, ''))!, body, body, body, body]);
    const client = createClient({ url: redis.adminUrl });
    await client.connect();
    await client.set(name.key, bytes, { expiration: { type: 'PX', value: 60_000 } });
    const sentBytes = async () => Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))![1]);
    const before = await sentBytes();
    expect([await read(one), await begun(one)]).toEqual([unreadable, unreadable]);
    expect((await sentBytes()) - before).toBeLessThan(2.1 * body.length);
    client.destroy();
  });

  it('is no token either', async () => {
    const one = await openStore({ url: redis.url });
    await ask(redis, ['LPUSH', `token:${tag}`, 'x']);

    expect((await one.store.open(name, [tag], TOKEN_TTL_MS, BUDGET_MS)).tokens).toEqual([undefined]);
    await one.store.invalidate([], [tag], BUDGET_MS);
    await one.store.invalidate([tag], [], BUDGET_MS);
    expect(await tokenOf(one)).toBeDefined();
  });
});

describe('F48: an error that clients emit', () => {
  let connect: jest.SpyInstance;
  /** Those that began to connect, in that order. */
  const clients = () => connect.mock.contexts as RedisClient[];

  beforeEach(() => {
    connect = jest.spyOn(NodeRedis.prototype, 'connect');
  });

  afterEach(() => {
    connect.mockRestore();
  });

  /** Where nobody hears an error, whoever emits it is thrown it. */
  function isHeard(client: RedisClient): boolean {
    try {
      return client.emit('error', new Error('of nobody'));
    } catch {
      return false;
    }
  }

  function expectHeard(of: readonly RedisClient[], who: string): void {
    const unheard = of.filter((client) => !isHeard(client)).length;
    figure('F48', `clients of Redis whose errors nobody hears, ${who}`, unheard, { atMost: 0 });
    expect(unheard).toBe(0);
  }

  it('costs their connections, is told, and is made good, also on those that stand by and subscribe', async () => {
    const one = await openStore({ url: redis.url });
    const hears = () => one.servers.backplane!.heardUntilMs > performance.now();
    const open = () => clients().filter(({ isOpen }) => isOpen);
    await pollUntil(() => one.store.isAvailable(), 5000);
    const token = await tokenOf(one);
    // From here on nothing is awaited: a busy machine may lose a connection, and make it anew.
    await pollUntil(() => open().length === 3 && hears(), 10_000);
    const first = open();

    expectHeard(first, 'one server');

    expect(first.map(({ isOpen }) => isOpen)).toEqual([false, false, false]);
    expect([one.store.isAvailable(), hears()]).toEqual([false, false]);
    await pollUntil(() => one.events.some(({ event }) => event === 'cache.reconnecting'), 5000);
    await pollUntil(() => one.store.isAvailable() && hears(), 10_000);
    expect(await tokenOf(one)).toBe(token);
  });

  it.each([
    ['sentinels', 'sentinels'],
    ['nodes of a cluster', 'clusterNodes'],
  ] as const)('is told while %s are asked where Redis is', async (who, kind) => {
    redis.freeze();
    const one = openStoreOf({ [kind]: [`127.0.0.1:${redis.port}`] });
    opened.push(one);
    await pollUntil(() => clients().length > 0, 5000);

    expectHeard(clients().slice(), who);

    const reasons = () =>
      one.events.flatMap((event) => (event.event === 'cache.connect_failed' ? event.reason : []));
    await pollUntil(() => reasons().length > 0, 5000);
    // Else it would have been told all the same, but later, and of silence.
    expect(reasons()).not.toContain('timeout');
  });
});

describe('the breaker', () => {
  it('lets a hung Redis cost those who ask their budget, and nobody after them anything', async () => {
    const one = await openStore({ url: redis.url, commandTimeoutMs: 100 });
    redis.freeze();

    const failures: string[] = [];
    for (let n = 0; n < 200; n++) {
      const asked = one.store.tokens([tag], 100);
      await expect(asked).rejects.toMatchObject(unavailable);
      failures.push(await asked.then(String, reasonOf));
    }

    // Once for each connection, where a busy machine keeps one call from asking both.
    expect(failures.filter((reason) => reason === 'timeout').length).toBeLessThanOrEqual(2);
    await pollUntil(() => breakerStates(one).includes('open'), 3000);
    expect(one.servers.breaker).toBe('open');
    redis.thaw();
    await pollUntil(() => one.servers.breaker === 'closed', 10_000);
    expect(breakerStates(one)).toEqual(['open', 'half-open', 'closed']);
  });

  it('lets it cost hits no more either while more is asked behind the answer of a run that was overtaken', async () => {
    const one = await openStore({ url: redis.url, commandTimeoutMs: 50 });
    const [instance] = simulateInstances(1, systemClock);
    const here = testEngine(instance!, { store: one.store, backplane: undefined });
    const [slow, hot] = [aSubject({}, 'slow|/1'), aSubject({}, 'hot|/1')];
    const [isRunning, run] = [deferred<true>(), deferred<string>()];
    const load = here.get(slow, () => {
      isRunning.resolve(true);
      return run.promise;
    });
    await isRunning.promise;
    await here.engine.invalidate([softTag(course)]);
    await here.get(hot, gives('hot'));
    await here.engine.background.settle();
    redis.freeze();
    run.resolve('slow');
    await load;

    const waits = Array.from({ length: 5 }, async () => {
      const since = performance.now();
      await here.get(hot, gives('made'));
      return performance.now() - since;
    });

    // A budget for the question before theirs, one for theirs, and the rest for a busy machine.
    expect(Math.max(...(await Promise.all(waits)))).toBeLessThan(500);
  });

  it('opens within five calls for a Redis that is slow, and closes when it is not', async () => {
    const proxy = await startFaultProxy(redis.url);
    const one = await openStore({ url: proxy.url, commandTimeoutMs: 100 });
    proxy.delay(200);

    const failures: string[] = [];
    for (let n = 0; n < 50; n++) failures.push(await one.store.tokens([tag], 100).then(String, reasonOf));

    expect(failures.filter((reason) => reason !== 'disconnected').length).toBeLessThanOrEqual(5);
    await pollUntil(() => one.servers.breaker === 'open', 3000);
    proxy.delay(0);
    await pollUntil(() => one.servers.breaker === 'closed', 10_000);
    await one.available();
    await one.close();
    await proxy.close();
  });

  it('stays closed when one connection of two falls silent', async () => {
    const proxy = await startFaultProxy(redis.url);
    const one = await openStore({ url: proxy.url, commandTimeoutMs: 1000 });
    await pollUntil(() => proxy.connections() === 3, 3000);
    await tokenOf(one);
    proxy.silence(0);

    for (let n = 0; n < 20; n++) expect(await one.store.tokens([tag], BUDGET_MS)).toHaveLength(1);

    expect(breakerStates(one)).toEqual([]);
    await one.close();
    await proxy.close();
  });
});

function outboxWith(
  relay: (apply: (tags: readonly string[]) => Promise<boolean>) => Promise<number | 'held'>,
): Outbox & { isReady: boolean } {
  return {
    isReady: true,
    settle: () => Promise.resolve(),
    narrow: () => Promise.resolve(true),
    renew: () => Promise.resolve(),
    unsettled: () => Promise.resolve([]),
    relay: (_olderThanMs, apply) => relay(apply),
  };
}

it('takes a witness away before its tag, and tells of both in the same step', async () => {
  const one = await openStore({ url: redis.url });
  await one.store.open(name, [ANY, 'family/course', tag], TOKEN_TTL_MS, BUDGET_MS);
  const monitor = createClient({ url: redis.adminUrl });
  await monitor.connect();
  const seen: string[] = [];
  await monitor.monitor((line) => seen.push(line));

  await one.store.invalidate([ANY, 'family/course', tag], ['tag/course:2'], BUDGET_MS);

  const inOneStep = () => seen.flatMap((line) => /\[0 lua\] (.*)/.exec(line)?.[1] ?? []);
  await pollUntil(() => inOneStep().length >= 5, 3000);
  expect(inOneStep()).toEqual([
    expect.stringMatching(/^"PUBLISH" .*~tag\/course:2/),
    `"DEL" "token:${ANY}"`,
    '"DEL" "token:family/course"',
    `"DEL" "token:${tag}"`,
    '"GET" "token:tag/course:2"',
  ]);
  monitor.destroy();
});

it('says scripts by their hashes, and once in full to a server that does not know them', async () => {
  const one = await openStore({ url: redis.url });
  await tokenOf(one);
  await ask(redis, ['SCRIPT', 'FLUSH']);
  await ask(redis, ['CONFIG', 'RESETSTAT']);

  expect(await tokenOf(one)).toBe(await tokenOf(one));

  const said = await ask(redis, ['INFO', 'commandstats']);
  expect(said).toMatch(/cmdstat_evalsha:calls=2,/);
  expect(said).toMatch(/cmdstat_eval:calls=1,/);
});

it('names a right that a script lacks as it names any other', async () => {
  const one = await openStore({ url: redis.url });
  await tokenOf(one);
  await ask(redis, ['ACL', 'SETUSER', 'default', '-pexpire']);

  await expect(tokenOf(one)).rejects.toMatchObject({ ...unavailable, message: 'NOPERM' });
});

it('leaves a token that it may not read to others, and takes it away whole where it is to be softened', async () => {
  const one = await openStore({ url: redis.url });
  const before = await tokenOf(one);
  await ask(redis, ['ACL', 'SETUSER', 'default', '-get']);

  await expect(tokenOf(one)).rejects.toMatchObject({ ...unavailable, message: 'NOPERM' });

  expect(await one.store.tokens([tag], BUDGET_MS)).toEqual([before]);
  await one.store.invalidate([], [tag], BUDGET_MS);
  expect(await one.store.tokens([tag], BUDGET_MS)).toEqual([undefined]);
});

it.each(['-eval', '-publish'])(
  'says at once that it is refused where it may not invalidate (%s)',
  async (right) => {
    await ask(redis, ['ACL', 'SETUSER', 'default', right]);

    const one = openStoreOf({ url: redis.url });
    opened.push(one);

    await pollUntil(() => one.servers.isRefused, 5000);
    expect(one.events).toContainEqual({ event: 'cache.connect_failed', reason: 'NOPERM' });
    expect(one.store.isAvailable()).toBe(false);
  },
);

it('names a database that the server does not have', async () => {
  const one = openStoreOf({ url: new URL('/99', redis.url).href });
  opened.push(one);

  await pollUntil(() => one.events.some(({ event }) => event === 'cache.connect_failed'), 5000);

  expect(one.events).toContainEqual({ event: 'cache.connect_failed', reason: 'DB_INDEX' });
});

it('needs no more rights than docs/REDIS_INTEGRATION.md gives it', async () => {
  const [, rights = ''] = /^user app on >PASSWORD (.*)$/m.exec(
    readFileSync('docs/REDIS_INTEGRATION.md', 'utf8'),
  )!;
  await ask(redis, ['ACL', 'SETUSER', 'app', 'on', '>pw', ...rights.split(' ')]);

  const one = await openStore({ url: `redis://app:pw@127.0.0.1:${redis.port}` });

  const lease = { owner: 'one', ttlMs: 1000 };
  await one.store.open(name, [EPOCH, tag], TOKEN_TTL_MS, BUDGET_MS, lease);
  await one.store.write(name, entryOf(name, 'x'));
  expect((await one.store.read(name, [tag], BUDGET_MS)).stored).toBeDefined();
  expect(await one.store.renewLease(name, lease)).toBe(true);
  await one.store.releaseLease(name, 'one');
  await one.store.invalidate([tag], [EPOCH], BUDGET_MS);
  await pollUntil(() => one.servers.backplane!.heardUntilMs > performance.now(), 5000);
});

it('a sentinel that does not let us in is told of, also where the first of them is away', async () => {
  const sentinel = await startRedis({ password: 'another', rights: 'all' });
  const one = openStoreOf({ sentinels: ['127.0.0.1:1', `127.0.0.1:${sentinel.port}`] });
  opened.push(one);

  await pollUntil(() => one.servers.isRefused, 5000);
  expect(one.events).toContainEqual(
    expect.objectContaining({ event: 'cache.connect_failed', reason: 'NOAUTH' }),
  );
  await sentinel.stop();
});
