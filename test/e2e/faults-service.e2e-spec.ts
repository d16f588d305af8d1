import { execFile } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { figure, isMeasuring } from '../support/figures.js';
import { probeLiveness, slowestProbeMs } from '../support/liveness.js';
import { between, failed, quantileMs, shareOf, underLoad, type Answer } from '../support/load.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import {
  type AppProcess,
  freePort,
  pollUntil,
  type RedisProcess,
  required,
  spawnApp,
  startRedis,
  waitFor200,
} from '../support/processes.js';
import { connectAdmin, type RedisAdmin } from '../support/redis-admin.js';
import { VersionedCourse } from '../support/versioned-course.js';

jest.setTimeout(300_000);

const run = promisify(execFile);
const PROCESSES = 2;
/** Seconds of load before a fault, with it and after it, and how long after that memory is looked at. */
const [BEFORE_S, FAULT_S, AFTER_S, REST_S] = isMeasuring ? [15, 20, 25, 60] : [1, 2, 1, 0];
/** Requests a second where nobody has the time to find out what it can do. */
const CALM_RATE = 30;
const KILL_EVERY_MS = 500;
const LATE_MS = 2000;

/** How slow a fault may make them. */
interface Slowness {
  /** p99 in the first second, ms */
  readonly firstMs?: number;
  /** When it begins to count, ms after the fault, and what p99 may be above that before it */
  readonly fromMs: number;
  readonly aboveMs: number;
}

const hanging: Slowness = { firstMs: 60, fromMs: 1000, aboveMs: 5 };

let database: TestDatabase;
let redis: RedisProcess;
let admin: RedisAdmin;
let apps: AppProcess[];
let course: VersionedCourse;
let rate = CALM_RATE;
let [asked, missed] = [0, 0];

beforeAll(async () => {
  database = await createTestDatabase();
  await loadPreset(database.dataSource, { preset: 'seed-doc', seed: 42, asOf: new Date() });
  redis = await startRedis();
  apps = await Promise.all(Array.from({ length: PROCESSES }, () => start()));
  course = new VersionedCourse(() => apps[asked++ % apps.length]!.url);
  await untilUsed();
  if (isMeasuring) rate = (await peak()) / 2;
});

beforeEach(async () => {
  admin = await connectAdmin(redis);
});

afterEach(() => {
  admin.destroy();
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app.stop()));
  await redis.stop();
  await database.drop();
});

async function start(main?: string, redisUrl = redis.url): Promise<AppProcess> {
  const app = await spawnApp({
    env: { DATABASE_URL: database.url, REDIS_URL: redisUrl, LOG_LEVEL: 'warn', LOG_FORMAT: 'json' },
    ...(main ? { main } : {}),
  });
  await waitFor200(app, '/health/ready', 60_000);
  return app;
}

/** Resolves once every process uses Redis. */
async function untilUsed(): Promise<void> {
  for (const { url } of apps) {
    await pollUntil(async () => {
      const answer = await fetch(`${url}/metrics`);
      return (await answer.text()).includes('\ncache_store_available 1\n');
    }, 30_000);
  }
}

/** Of twenty one writes, three ask for what nobody has asked for, the others mostly hit. */
function call(n: number): Promise<Answer> {
  if (n % 20 === 0) return course.write();
  return n % 5 === 0 ? miss() : course.read();
}

async function miss(): Promise<Answer> {
  const asOf = new Date(Date.now() - 60_000 * ++missed).toISOString();
  const atMs = performance.now();
  const answer = await fetch(
    `${apps[missed % apps.length]!.url}/api/v3/analytics/courses/PROG-101/at/${asOf}`,
  );
  await answer.text();
  return { status: answer.status, cache: answer.headers.get('x-cache'), atMs, ms: performance.now() - atMs };
}

/** Requests a second that they answer to sixteen who ask on and on. */
async function peak(): Promise<number> {
  const [seconds, end] = [10, performance.now() + 10_000];
  let answers = 0;
  const client = async () => {
    for (; performance.now() < end; answers++) await call(answers);
  };
  await Promise.all(Array.from({ length: 16 }, client));
  return answers / seconds;
}

/** Memory of each process, bytes. */
async function rss(): Promise<number[]> {
  const told = await Promise.all(apps.map(({ pid }) => run('ps', ['-o', 'rss=', '-p', String(pid)])));
  return told.map(({ stdout }) => 1024 * Number(stdout));
}

describe('the built service, as two processes', () => {
  it.each<[string, string, Slowness | undefined, () => Promise<void> | void, () => Promise<void> | void]>([
    [
      'F2',
      'a Redis that is stopped',
      { fromMs: 500, aboveMs: 30 },
      () => redis.stop(),
      async () => {
        redis = await startRedis({ port: redis.port });
      },
    ],
    [
      'F4',
      'a Redis that hangs',
      hanging,
      () => {
        redis.freeze();
      },
      () => {
        redis.thaw();
      },
    ],
    [
      'F8',
      'a Redis that is killed, and empty again',
      { fromMs: 5000, aboveMs: 5 },
      async () => {
        await redis.kill();
        redis = await startRedis({ port: redis.port });
      },
      () => undefined,
    ],
    [
      'F24',
      'subscriptions that are killed again and again',
      undefined,
      async () => {
        const end = performance.now() + 1000 * FAULT_S;
        while (performance.now() < end) {
          await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
          await wait(KILL_EVERY_MS);
        }
      },
      () => undefined,
    ],
  ])(
    '%s: %s: no request fails, none is wrong, all is as before afterwards',
    (row, _, slowness, breakIt, mend) => expectToSurvive(row, slowness, breakIt, mend),
  );

  // What it says beside the small service's row takes ten seconds more.
  if (isMeasuring) {
    it('F10: half-open connections: no request fails, none is wrong, all is as before afterwards', async () => {
      const direct = apps;
      const proxy = await startFaultProxy(redis.url);
      apps = [];
      try {
        for (let n = 0; n < PROCESSES; n++) apps.push(await start(undefined, proxy.url));
        await untilUsed();
        await expectToSurvive(
          'F10',
          hanging,
          () => {
            proxy.silence();
          },
          () => proxy.restore(),
        );
      } finally {
        await Promise.all(apps.map((app) => app.stop()));
        apps = direct;
        await proxy.close();
      }
    });
  }

  it('opens no connection to Redis for asking how it is', async () => {
    const [{ url } = { url: '' }] = apps;
    const checks = [
      () => fetch(`${url}/health`),
      () => fetch(`${url}/api/v3/system/redis/test`, { method: 'POST' }),
    ];
    await untilUsed();
    const [before, openedBefore] = [(await clients()).length, await opened()];

    for (let n = 0; n < 1000; n += 20) {
      await Promise.all(Array.from({ length: 20 }, async (_, i) => (await checks[i % 2]!()).text()));
    }

    // Some, as a machine that is busy may lose one.
    expect((await opened()) - openedBefore).toBeLessThan(20);
    await pollUntil(async () => (await clients()).length === before, 10_000);
    expectToLive();
  });

  it('leaves nothing behind when it is closed, on neither side', async () => {
    const before = (await clients()).length;
    const closed = await start(`${required('TEST_PROGRAMS')}/support/closed-service.js`);
    await pollUntil(async () => (await clients()).length > before, 10_000);

    closed.signal('SIGTERM');

    expect(await Promise.race([closed.ended, wait(20_000, 'still there', { ref: false })])).toBe(0);
    await pollUntil(async () => (await clients()).length === before, 5000);
    await Promise.all(apps.map((app) => app.stop()));
    await pollUntil(async () => (await clients()).length === 0, 5000);
  });
});

describe('the built service, started beside a Redis that', () => {
  let other: RedisProcess;

  beforeAll(async () => {
    other = await startRedis();
  });

  afterAll(async () => {
    other.thaw();
    await other.stop();
  });

  it.each([
    [
      'F1',
      'refuses it',
      async () => {
        const port = await freePort();
        return `redis://127.0.0.1:${port}`;
      },
    ],
    [
      'F3',
      'hangs',
      () => {
        other.freeze();
        return other.url;
      },
    ],
  ])('%s: %s is ready, and says that Redis is away', async (row, _, urlOf) => {
    const redisUrl = await urlOf();
    const since = performance.now();
    const app = await start(undefined, redisUrl);
    figure(row, 'built service: until it is ready, ms', performance.now() - since, { atMost: 3000 });

    const ask = async (path: string) => {
      const answer = await fetch(app.url + path);
      return [answer.status, await answer.json()];
    };

    try {
      expect(await ask('/health/ready')).toEqual([200, { status: 'degraded' }]);
      expect(await ask('/health')).toEqual([200, expect.objectContaining({ status: 'degraded' })]);
      const details = { status: 'degraded', components: { redis: { status: 'unhealthy' } } };
      expect(await ask('/api/v3/system/health/detailed')).toMatchObject([200, details]);
    } finally {
      await app.stop();
    }
  });
});

/** Breaks something under load and mends it. */
async function expectToSurvive(
  row: string,
  slowness: Slowness | undefined,
  breakIt: () => Promise<void> | void,
  mend: () => Promise<void> | void,
): Promise<void> {
  const probing = await probeLiveness(...apps);
  let memory: number[] = [];
  let [brokenAt, mendedAt, usedMs] = [0, 0, 0];

  const answers = await underLoad(rate, call, async () => {
    await wait(1000 * BEFORE_S);
    memory = await rss();
    brokenAt = performance.now();
    await breakIt();
    await wait(Math.max(0, brokenAt + 1000 * FAULT_S - performance.now()));
    await mend();
    mendedAt = performance.now();
    await untilUsed();
    usedMs = performance.now() - mendedAt;
    await wait(1000 * AFTER_S);
  });
  const probes = (await probing.stop()).flat();
  await wait(1000 * REST_S);
  const grown = (await rss()).map((bytes, n) => (100 * bytes) / memory[n]!);

  const usualMs = quantileMs(between(answers, 0, brokenAt), 0.99);
  const p99 = (fromMs: number, toMs = Infinity) =>
    quantileMs(between(answers, brokenAt + fromMs, brokenAt + toMs), 0.99);
  figure(row, 'built service: requests a second', rate);
  figure(row, 'built service: p99 before, ms', usualMs);
  figure(
    row,
    'built service: p99 in the first second, ms',
    p99(0, 1000),
    slowness?.firstMs === undefined ? undefined : { atMost: slowness.firstMs },
  );
  if (slowness) {
    const { fromMs, aboveMs } = slowness;
    const until = row === 'F8' ? Infinity : mendedAt - brokenAt;
    figure(row, `built service: p99 from ${fromMs} ms on, ms`, p99(fromMs, until), {
      atMost: usualMs + aboveMs,
    });
  }
  if (row === 'F2') {
    const made = (some: readonly Answer[]) => shareOf(some, 'MISS') + shareOf(some, 'BYPASS');
    const usual = made(between(answers, 0, brokenAt));
    figure(row, 'built service: made anew before, %', 100 * usual);
    const without = between(answers, brokenAt + 500, mendedAt);
    figure(row, 'built service: made anew from 500 ms on, %', 100 * made(without), { atMost: 300 * usual });
    expect(shareOf(without, 'HIT')).toBeGreaterThan(0.3);
  }
  figure(row, 'built service: p99 afterwards, ms', p99(mendedAt - brokenAt + 500));
  figure(row, 'built service: later than 2 s', answers.filter(({ ms }) => ms > LATE_MS).length, {
    atMost: 0,
  });
  figure(row, 'built service: until Redis is used again, ms', usedMs, {
    atMost: row === 'F4' || row === 'F10' ? 2000 : 3000,
  });
  figure(row, 'built service: slowest probe before, ms', slowestProbeMs(probes, 0, brokenAt));
  figure(row, 'built service: slowest probe, ms', slowestProbeMs(probes, brokenAt), { atMost: 100 });
  figure(row, `built service: memory ${REST_S} s afterwards, % of before`, Math.max(...grown), {
    atMost: 110,
  });
  expect(failed(answers)).toEqual([]);
  expect(course.wrong).toEqual([]);
  expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers.length).toBeGreaterThan(40);
  expectToLive();
}

/** Ids of the connections that Redis has, but for those of this test. */
async function clients(): Promise<string[]> {
  const list = await admin.sendCommand<string>(['CLIENT', 'LIST']);
  return list
    .split('\n')
    .filter((line) => line.includes(' user=default'))
    .map((line) => /^id=\d+/.exec(line)?.[0] ?? line)
    .sort();
}

/** Connections that Redis has accepted since it began. */
async function opened(): Promise<number> {
  const stats = await admin.sendCommand<string>(['INFO', 'stats']);
  return Number(/^total_connections_received:(\d+)/m.exec(stats)?.[1]);
}

/** No process has ended, and nothing has failed that nobody handled. */
function expectToLive(): void {
  for (const app of apps) {
    expect(() => process.kill(app.pid, 0)).not.toThrow();
    expect(app.output()).not.toMatch(/process\.failed|unhandled|uncaught/i);
  }
}
