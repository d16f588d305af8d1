import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { reasonOf } from '../../src/cache/engine/cache-errors.js';
import { systemClock } from '../../src/cache/engine/clock.js';
import type { RedisAddress } from '../../src/cache/redis/redis-address.js';
import { RedisConnections } from '../../src/cache/redis/redis-connections.js';
import type { Arrival } from '../../src/cache/redis/redis-servers.js';
import type { RedisSession } from '../../src/cache/redis/redis-session.js';
import { paceOfAbsences, paceOfRefusals, ReconnectionPace } from '../../src/cache/redis/reconnection-pace.js';
import { ask } from '../support/ask-redis.js';
import { deferred } from '../support/deferred.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';

const BUDGET_MS = 1000;
const shared = { tls: false, database: 0, clientName: 'test' };

/** The administrator's, for the service's own user may not wait for what never comes. */
let login: Pick<RedisAddress, keyof typeof shared | 'username' | 'password'>;

let old: RedisProcess;
let next: RedisProcess;
let named: RedisAddress;
let looks: number;
let arrivals: { port: number; arrival: Arrival }[];
let connections: RedisConnections;
let ready: Promise<void>;

beforeAll(async () => {
  [old, next] = await Promise.all([startRedis(), startRedis()]);
  const { username, password } = new URL(old.adminUrl);
  login = { ...shared, username, password };
});

const calm = {
  timings: {
    connectTimeoutMs: 5000,
    heartbeatMs: 100,
    silenceLimitMs: 5000,
    slowMs: 5000,
  },
  clock: systemClock,
  paceWhenRefused: paceOfRefusals(),
  paceWhenAway: paceOfAbsences(50),
  connections: 2,
  spread: true,
  retryOnTimeout: false,
  onUp: () => undefined,
  onDown: () => undefined,
  onBreaker: () => undefined,
};

beforeEach(async () => {
  named = { host: '127.0.0.1', port: old.port, failover: 1, ...login };
  looks = 0;
  arrivals = [];
  ready = Promise.resolve();
  connections = new RedisConnections({
    ...calm,
    locate: () => {
      looks++;
      return Promise.resolve(named);
    },
    followMs: 20,
    beforeUse: ({ address }, arrival) => {
      if (arrival === 'known') return Promise.resolve();
      arrivals.push({ port: address.port, arrival });
      return address.port === next.port ? ready : Promise.resolve();
    },
  });
  await pollUntil(async () => (await portsInUse()).size === 1 && arrivals.length === 2, 10_000);
});

afterEach(() => connections.close());

afterAll(() => Promise.all([old.stop(), next.stop()]));

/** Of more connections than there are. */
async function portsInUse(): Promise<Set<number>> {
  const asked = Array.from({ length: 4 }, () =>
    connections.write(BUDGET_MS, ({ address }) => Promise.resolve(address.port)).catch(() => undefined),
  );
  return new Set((await Promise.all(asked)).filter((port) => port !== undefined));
}

async function moreLooks(): Promise<void> {
  const before = looks;
  await pollUntil(() => looks > before + 3, 10_000);
}

/**
 * So many connections that are still made ready on the old server when the next one is named, where as many attempts fail
 * before one of them comes into use.
 */
async function arrivalsUntilMoved(count: number, failures: number): Promise<typeof arrivals> {
  const came: typeof arrivals = [];
  let failed = 0;
  const early = new RedisConnections({
    ...calm,
    connections: count,
    followMs: 20,
    locate: () => Promise.resolve(named),
    beforeUse: async ({ client, address }, arrival) => {
      if (arrival === 'known') return;
      came.push({ port: address.port, arrival });
      // As long as the connection lives.
      if (address.port === old.port) await client.sendCommand(['BLPOP', 'nothing', '0']);
      if (failed++ < failures) throw new Error('no');
    },
  });
  await pollUntil(() => came.length === count, 10_000);
  named = { ...named, port: next.port, failover: 2 };
  await pollUntil(() => early.isReady, 4000);
  await early.close();
  return came;
}

describe('connections to a server that may be named anew', () => {
  it('leave a living one for that of a later failover, all of them before the first is used', async () => {
    const prepared = deferred();
    ready = prepared.promise;
    named = { ...named, port: next.port, failover: 2 };
    await pollUntil(() => arrivals.some(({ port }) => port === next.port), 10_000);

    expect(await portsInUse()).toEqual(new Set());
    // What is heard from the old one proves nothing any more.
    expect(connections.isThis('the identity of the old one')).toBe(false);
    prepared.resolve();
    await pollUntil(async () => (await portsInUse()).has(next.port), 10_000);
    await pollUntil(() => arrivals.length >= 4, 10_000);

    expect(await portsInUse()).toEqual(new Set([next.port]));
    expect(arrivals.find(({ port }) => port === next.port)).toEqual({ port: next.port, arrival: 'moved' });
  });

  it.each([
    ['of the same failover, as where an address is spelled in two ways', 1],
    ['of one before', 0],
  ])('stay where they are when another is named that is %s', async (_, failover) => {
    named = { ...named, port: next.port, failover };
    await moreLooks();

    expect(await portsInUse()).toEqual(new Set([old.port]));
    expect(arrivals).toHaveLength(2);
  });

  it('refuse one that is behind while another lives', async () => {
    named = { ...named, port: next.port, failover: 0 };
    await connections.write(BUDGET_MS, ({ client }) => {
      client.destroy();
      return Promise.resolve();
    });
    await moreLooks();

    expect(await portsInUse()).toEqual(new Set([old.port]));
    expect(arrivals).toHaveLength(2);
  });

  it('come to another also where the one before died, as to one that others may have used before', async () => {
    named = { ...named, port: next.port, failover: 2 };
    await old.kill();
    await pollUntil(async () => (await portsInUse()).has(next.port), 10_000);

    expect(arrivals.find(({ port }) => port === next.port)?.arrival).toBe('moved');
    old = await startRedis({ port: old.port });
  });

  it('leave one that is only made ready, too, and take the next one for one that others may have used before', async () => {
    const came = await arrivalsUntilMoved(2, 0);

    expect(came.slice(0, 3).map(({ arrival }) => arrival)).toEqual(['new', 'new', 'moved']);
    expect(came[2]?.port).toBe(next.port);
  });

  it('take the next one for that also when it could not be made ready at first', async () => {
    const came = await arrivalsUntilMoved(1, 1);

    expect(came).toEqual([
      { port: old.port, arrival: 'new' },
      { port: next.port, arrival: 'moved' },
      { port: next.port, arrival: 'moved' },
    ]);
  });

  it('take the place of others until they are in use themselves', async () => {
    const came: Arrival[] = [];
    const successors = new RedisConnections({
      ...calm,
      connections: 1,
      isSuccessor: true,
      locate: () => Promise.resolve(named),
      beforeUse: (_, arrival) => {
        if (arrival !== 'known') came.push(arrival);
        return came.length === 1 ? Promise.reject(new Error('no')) : Promise.resolve();
      },
    });
    const lose = () =>
      successors.write(BUDGET_MS, ({ client }) => {
        client.destroy();
        return Promise.resolve(true);
      });
    await pollUntil(() => lose().catch(() => false), 10_000);
    await pollUntil(() => came.length === 3, 10_000);

    expect(came).toEqual(['moved', 'moved', 'new']);
    await successors.close();
  });
});

describe('F16: a server that says it is not the one to ask', () => {
  afterEach(async () => {
    await ask(old, ['CONFIG', 'SET', 'replica-serve-stale-data', 'yes']);
    await ask(old, ['REPLICAOF', 'NO', 'ONE']);
  });

  it.each([
    ['READONLY', ['DEL', 'anything']],
    ['MASTERDOWN', ['GET', 'anything']],
  ])('is left with that very answer: %s', async (reason, command) => {
    const one = new RedisConnections({
      ...calm,
      // No heartbeat shall be the one to find out.
      timings: { ...calm.timings, heartbeatMs: 600_000, silenceLimitMs: 1_200_000, slowMs: 600_000 },
      paceWhenAway: paceOfAbsences(600_000),
      connections: 1,
      locate: () => Promise.resolve(named),
      followMs: 600_000,
      beforeUse: () => Promise.resolve(),
    });
    await pollUntil(() => one.isReady, 10_000);
    if (reason === 'MASTERDOWN') await ask(old, ['CONFIG', 'SET', 'replica-serve-stale-data', 'no']);
    await ask(old, ['REPLICAOF', '127.0.0.1', '1']);

    const answered = one.insist(BUDGET_MS, ({ client }) => client.sendCommand(command)).catch(reasonOf);

    expect(await answered.then((answer) => [answer, one.isReady])).toEqual([reason, false]);
    await one.close();
  });
});

describe('a connection that is made anew', () => {
  let pair: RedisConnections;
  let came: Arrival[];
  /** Those of them that are held up before they come into use. */
  let held: Map<number, Promise<void>>;
  /** What leaves also its heartbeats unanswered. */
  let silent: RedisSession['client'] | undefined;

  beforeEach(async () => {
    [came, held, silent] = [[], new Map(), undefined];
    pair = new RedisConnections({
      ...calm,
      locate: () => Promise.resolve({ host: '127.0.0.1', port: old.port, ...login }),
      beforeUse: ({ client }, arrival) => {
        if (arrival === 'known') return client === silent ? new Promise(() => undefined) : Promise.resolve();
        came.push(arrival);
        return held.get(came.length) ?? Promise.resolve();
      },
    });
    await pollUntil(async () => (await inUse()).size === 2, 10_000);
    came = [];
  });

  afterEach(() => pair.close());

  async function inUse(): Promise<Set<unknown>> {
    const asked = Array.from({ length: 4 }, () =>
      pair.write(BUDGET_MS, ({ client }) => Promise.resolve(client)).catch(() => undefined),
    );
    return new Set((await Promise.all(asked)).filter(Boolean));
  }

  async function loseOne(): Promise<void> {
    await pair.write(BUDGET_MS, ({ client }) => {
      client.destroy();
      return Promise.resolve();
    });
  }

  it('comes into use beside another that is', async () => {
    await loseOne();
    await pollUntil(async () => (await inUse()).size === 2, 10_000);

    expect(came).toEqual(['beside']);
  });

  it('is new beside one that is asked by nobody, for it is silent', async () => {
    const asked = pair.write(10, ({ client }) => {
      silent = client;
      return new Promise(() => undefined);
    });
    await expect(asked).rejects.toThrow('timeout');

    await loseOne();
    await pollUntil(() => came.length === 1, 10_000);

    expect(came).toEqual(['new']);
  });

  it('is new beside one that is made ready itself', async () => {
    held.set(1, new Promise(() => undefined));
    for (let n = 0; n < 2; n++) await loseOne();
    await pollUntil(() => came.length === 2, 10_000);

    expect(came).not.toContain('beside');
  });

  it('is new after all where the other is lost before it comes into use', async () => {
    const first = deferred();
    held.set(1, first.promise).set(2, new Promise(() => undefined));
    await loseOne();
    await pollUntil(() => came.length === 1, 10_000);
    await loseOne();
    await pollUntil(() => came.length === 2, 10_000);

    first.resolve();
    await pollUntil(async () => (await inUse()).size === 1, 10_000);

    expect(came).toEqual(['beside', 'new', 'new']);
  });
});

describe('connections to an address that leads to another server by now', () => {
  let address: Server;
  let leadsTo: RedisProcess;
  let behind: RedisConnections;
  let came: { identity: string; arrival: Arrival }[];
  let prepared: Promise<void>;

  beforeEach(async () => {
    leadsTo = old;
    came = [];
    prepared = Promise.resolve();
    address = createServer((socket) => {
      const server = connect(leadsTo.port, '127.0.0.1');
      for (const end of [socket, server]) end.on('error', () => undefined);
      socket.pipe(server).on('close', () => socket.destroy());
      server.pipe(socket).on('close', () => server.destroy());
    });
    await new Promise<void>((listening) => address.listen(0, '127.0.0.1', listening));
    const { port } = address.address() as AddressInfo;
    behind = new RedisConnections({
      ...calm,
      locate: () => Promise.resolve({ host: '127.0.0.1', port, ...login }),
      beforeUse: ({ identity }, arrival) => {
        if (arrival === 'known') return Promise.resolve();
        came.push({ identity: identity.text, arrival });
        return prepared;
      },
    });
    await pollUntil(() => came.length === 2, 10_000);
    await pollUntil(async () => (await identitiesInUse()).size === 1, 10_000);
  });

  afterEach(async () => {
    await behind.close();
    address.close();
  });

  async function identitiesInUse(): Promise<Set<string>> {
    const asked = Array.from({ length: 4 }, () =>
      behind.write(BUDGET_MS, ({ identity }) => Promise.resolve(identity.text)).catch(() => undefined),
    );
    return new Set((await Promise.all(asked)).filter((identity) => identity !== undefined));
  }

  async function loseOne(): Promise<void> {
    await behind.write(BUDGET_MS, ({ client }) => {
      client.destroy();
      return Promise.resolve();
    });
  }

  it('leave the one before, all of them before the first is used, as one that others may have used before', async () => {
    const [before] = await identitiesInUse();
    const made = deferred();
    prepared = made.promise;
    leadsTo = next;
    await loseOne();
    await pollUntil(() => came.length >= 3, 10_000);

    expect(await identitiesInUse()).toEqual(new Set());
    expect(came[2]?.identity).not.toBe(before);
    expect(came[2]?.arrival).toBe('moved');
    made.resolve();
    await pollUntil(async () => (await identitiesInUse()).size === 1, 10_000);

    expect([...(await identitiesInUse())]).toEqual([came[2]?.identity]);
  });

  it('take it for that also when it could not be made ready at first', async () => {
    const failed = deferred();
    prepared = failed.promise;
    leadsTo = next;
    await loseOne();
    await pollUntil(() => came.length >= 3, 10_000);
    prepared = Promise.resolve();
    failed.reject(new Error('no'));
    await pollUntil(async () => (await identitiesInUse()).size === 1, 10_000);

    expect(came.slice(2, 4).map(({ arrival }) => arrival)).toEqual(['moved', 'moved']);
  });

  it('take it for that also when all were lost at once', async () => {
    leadsTo = next;
    for (let n = 0; n < 2; n++) await loseOne();
    await pollUntil(() => came.length >= 3, 10_000);

    expect(came[2]?.arrival).toBe('moved');
  });

  it('do not come back at once to where they were sent away from: the two could go on so without end', async () => {
    const gapsMs = [0];
    const arrived: string[] = [];
    const pair = new RedisConnections({
      ...calm,
      paceWhenAway: new ReconnectionPace(() => gapsMs.shift() ?? 600_000),
      locate: () =>
        Promise.resolve({ host: '127.0.0.1', port: (address.address() as AddressInfo).port, ...login }),
      beforeUse: ({ identity }, arrival) => {
        if (arrival !== 'known') arrived.push(identity.text);
        return Promise.resolve();
      },
    });
    const wait = () => pair.write(60_000, ({ client }) => client.sendCommand(['BLPOP', 'nothing', '0']));
    const ask = () => pair.write(BUDGET_MS, ({ client }) => client.ping()).catch(() => undefined);
    await pollUntil(async () => arrived.length === 2 && (await ask()) !== undefined, 10_000);

    leadsTo = next;
    // On each of them: who waits for an answer is told of the loss, too.
    for (let n = 0; n < 2; n++) wait().catch(() => undefined);
    await pair.write(BUDGET_MS, ({ client }) => {
      client.destroy();
      return Promise.resolve();
    });
    await pollUntil(() => arrived.length === 3, 10_000);
    await pollUntil(() => pair.isReady, 10_000);
    for (let n = 0; n < 100; n++) await ask();

    expect(arrived).toHaveLength(3);
    await pair.close();
  });
});
