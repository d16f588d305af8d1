import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { INestApplication } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Cached, CacheService } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { startCachedApp } from '../support/cached-app.js';
import { figure, isMeasuring } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, required, startRedis, type RedisProcess } from '../support/processes.js';

jest.setTimeout(isMeasuring ? 1_800_000 : 300_000);

/** Methods whose invalidation is lost, and how many of them die with one process: a process takes its time to start. */
const [METHODS, METHODS_A_PROCESS] = isMeasuring ? [1000, 1] : [200, 4];
const KILLS = METHODS / METHODS_A_PROCESS;
/** Processes that start at the same time. */
const LANES = 3;
/** What the outbox promises, what was aimed at, and what a machine that is overrun with other work may make of it. */
const [PROMISED_MS, AIMED_AT_MS, OVERRUN_MS] = [2000, 1000, 10_000];
const methods = Array.from({ length: METHODS }, (_, n) => n);

let loads: string[] = [];

@Injectable()
class Names {
  constructor(private readonly dataSource: DataSource) {}

  @Cached({ ttl: 600, prefix: 'name', tags: ['name:{0}'] })
  async name(code: string): Promise<string | undefined> {
    loads.push(code);
    const [user] = await this.dataSource.query<{ full_name: string }[]>(
      'SELECT full_name FROM users WHERE code = $1',
      [code],
    );
    return user?.full_name;
  }
}

/** Nothing of the service but its outbox, for many kills in little time; all of it is killed in faults-processes. */
describe('a process of an outbox alone that is killed between its commit and its invalidation', () => {
  let database: TestDatabase;
  let redis: RedisProcess;
  let survivors: { app: INestApplication; names: Names }[];
  const writers = new Set<ChildProcess>();
  const invalidated = new Set<string>();

  beforeAll(async () => {
    loads = [];
    database = await createTestDatabase();
    redis = await startRedis();
    await database.dataSource.query(
      `INSERT INTO users (code, role, full_name)
       SELECT kind || n, 'student', 'old' FROM generate_series(0, ${METHODS - 1}) n, unnest(ARRAY['U', 'R']) kind`,
    );
    survivors = [await survivor(), await survivor()];
  });

  afterAll(async () => {
    for (const writer of writers) writer.kill('SIGKILL');
    for (const { app } of survivors) {
      const dataSource = app.get(DataSource);
      await app.close();
      await dataSource.destroy();
    }
    await redis.stop();
    await database.drop();
  });

  async function survivor(): Promise<{ app: INestApplication; names: Names }> {
    const dataSource = await patientDataSource(database.url, 4).initialize();
    const { app } = await startCachedApp({
      providers: [Names, { provide: DataSource, useValue: dataSource }],
      options: {
        redis: { url: redis.url, commandTimeoutMs: 1000 },
        outbox: new TypeormOutbox(dataSource),
        onEvent: (event) => {
          if (event.event === 'cache.invalidated') for (const tag of event.tags) invalidated.add(tag);
        },
      },
    });
    await pollUntil(() => app.get(CacheService).stats().isAvailable, 5000);
    return { app, names: app.get(Names) };
  }

  async function read(code: string): Promise<(string | undefined)[]> {
    return Promise.all(survivors.map(({ names }) => names.name(code)));
  }

  async function keep(code: string): Promise<void> {
    for (const { app, names } of survivors) {
      await names.name(code);
      await app.get(CacheService).settle();
    }
  }

  async function killOne(batch: readonly number[]): Promise<{ servedOld: number; killedAt: number }> {
    const writer = fork(`${required('TEST_PROGRAMS')}/support/dying-writer.js`, batch.map(String), {
      env: { PATH: process.env.PATH, DATABASE_URL: database.url },
      execArgv: [],
    });
    writers.add(writer);
    const ended = once(writer, 'exit');
    const [message] = (await Promise.race([once(writer, 'message'), ended])) as [unknown];
    expect(message).toBe('committed');
    const answers = await Promise.all(batch.map((n) => read(`U${n}`)));
    const killedAt = performance.now();
    writer.kill('SIGKILL');
    await ended;
    writers.delete(writer);
    return { servedOld: answers.filter((names) => names.every((name) => name === 'old')).length, killedAt };
  }

  /** @returns for how many ms after the kill somebody may have read an old answer */
  async function staleness(batch: readonly number[], killedAt: number): Promise<number> {
    await pollUntil(async () => {
      const answers = await Promise.all(batch.map((n) => read(`U${n}`)));
      return answers.flat().every((name) => name === 'new');
    }, OVERRUN_MS);
    return performance.now() - killedAt;
  }

  it(`F44: leaves nobody with the old answer for long, ${KILLS} times`, async () => {
    for (const n of methods) await Promise.all([keep(`U${n}`), keep(`R${n}`)]);
    expect(loads).toHaveLength(2 * METHODS);
    const watched: Promise<number>[] = [];
    const waiting = [...methods];
    let servedOld = 0;

    const lane = async () => {
      while (waiting.length > 0) {
        const batch = waiting.splice(0, METHODS_A_PROCESS);
        const killed = await killOne(batch);
        servedOld += killed.servedOld;
        watched.push(staleness(batch, killed.killedAt));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const staleMs = (await Promise.all(watched)).sort((one, other) => one - other);
    const [medianMs, longestMs] = [staleMs[staleMs.length >> 1] ?? NaN, staleMs.at(-1) ?? NaN];

    figure('F44', 'outbox alone: processes killed between commit and invalidation', watched.length, {
      atLeast: 1000,
    });
    figure('F44', 'outbox alone: methods killed with them', METHODS);
    figure('F44', 'outbox alone: old answers, median, ms', medianMs);
    figure('F44', 'outbox alone: old answers, longest, ms', longestMs, { atMost: PROMISED_MS });
    figure('F44', 'outbox alone: old answers, longest, as it was aimed at, ms', longestMs, {
      atMost: AIMED_AT_MS,
    });
    // Else nothing was there to go stale, and nothing is proved.
    expect(servedOld).toBeGreaterThan(METHODS / 2);
    // No row lost, none left over.
    expect(methods.filter((n) => !invalidated.has(`tag/name:U${n}`))).toEqual([]);
    expect(await database.dataSource.query('SELECT tags FROM cache_outbox')).toEqual([]);
    for (const n of methods) expect(await read(`U${n}`)).toEqual(['new', 'new']);
  });

  it('invalidates nothing of what was rolled back', async () => {
    loads = [];

    for (const n of methods) expect(await read(`R${n}`)).toEqual(['old', 'old']);

    expect(loads).toEqual([]);
    expect([...invalidated].filter((tag) => tag.startsWith('tag/name:R'))).toEqual([]);
  });
});
