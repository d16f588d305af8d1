import { setTimeout as wait } from 'node:timers/promises';
import { migrate } from '../../src/database/migrate.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { figure, isMeasuring } from '../support/figures.js';
import { probeLiveness, slowestProbeMs } from '../support/liveness.js';
import { type Answer, between, failed, underLoad } from '../support/load.js';
import { type PostgresProcess, startPostgres } from '../support/postgres-process.js';
import {
  type AppProcess,
  pollUntil,
  type RedisProcess,
  spawnApp,
  startRedis,
  waitFor200,
} from '../support/processes.js';
import { VersionedCourse } from '../support/versioned-course.js';

jest.setTimeout(180_000);

const RATE = 30;
/** Seconds of load before a fault and with it. */
const [BEFORE_S, FAULT_S] = isMeasuring ? [5, 20] : [1, 4];
const POOL = 10;
/** Each connection of the pool may tell that it is lost, and each change of state has its line: not each request. */
const MOST_LINES = POOL + 10;

let postgres: PostgresProcess;
let redis: RedisProcess;
let app: AppProcess;
let course: VersionedCourse;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  await migrate(postgres.url);
  const dataSource = await patientDataSource(postgres.url).initialize();
  await loadPreset(dataSource, { preset: 'seed-doc', seed: 42, asOf: new Date() });
  await dataSource.destroy();
  app = await spawnApp({
    env: {
      DATABASE_URL: postgres.url,
      DATABASE_POOL_SIZE: String(POOL),
      REDIS_URL: redis.url,
      // A busy machine shall not look like a slow Redis.
      REDIS_COMMAND_TIMEOUT_MS: '1000',
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'json',
    },
  });
  await waitFor200(app, '/health/ready', 60_000);
  course = new VersionedCourse(() => app.url);
});

afterAll(async () => {
  postgres.thaw();
  await app.stop();
  await Promise.all([postgres.remove(), redis.stop()]);
});

/** Every third call reads from the cache, every third past it, the others write. */
function mixed(n: number): Promise<Answer> {
  return [() => course.read(), () => course.readUncached(), () => course.write()][n % 3]!();
}

async function isWhole(): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: POOL }, () => course.readUncached()));
  return failed(answers).length === 0;
}

it.each<[string, string, () => Promise<void>, () => Promise<void> | void]>([
  [
    'F31',
    'stopped at once',
    () => postgres.crash(),
    async () => {
      await postgres.start();
    },
  ],
  [
    'F32',
    'hung',
    () => postgres.freeze(),
    () => {
      postgres.thaw();
    },
  ],
])(
  '%s: a PostgreSQL that is %s: the built service is alive, answers or refuses, and does not tell of each request',
  async (row, _, breakIt, mend) => {
    await pollUntil(isWhole, 20_000);
    const probing = await probeLiveness(app);
    const linesBefore = lines();
    let [brokenAt, mendedAt] = [0, 0];

    const answers = await underLoad(RATE, mixed, async () => {
      await wait(1000 * BEFORE_S);
      brokenAt = performance.now();
      await breakIt();
      await wait(1000 * FAULT_S);
      mendedAt = performance.now();
      await mend();
      await pollUntil(isWhole, 30_000);
    });
    const probes = (await probing.stop()).flat();

    const during = between(answers, brokenAt, mendedAt);
    const told = lines().slice(linesBefore.length);
    figure(row, 'built service: slowest probe before, ms', slowestProbeMs(probes, 0, brokenAt));
    figure(row, 'built service: slowest probe, ms', slowestProbeMs(probes, brokenAt), { atMost: 100 });
    figure(row, 'built service: lines of log', told.length, { atMost: MOST_LINES });
    expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(failed(during).length).toBeGreaterThan(20);
    expect([told.length <= MOST_LINES, told]).toEqual([true, told]);
    expect(course.wrong).toEqual([]);
    expect(() => process.kill(app.pid, 0)).not.toThrow();
    expect(app.output()).not.toMatch(/process\.failed|unhandled|uncaught/i);
  },
);

function lines(): string[] {
  return app.output().split('\n').filter(Boolean);
}
