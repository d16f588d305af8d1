import autocannon from 'autocannon';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { figure, isMeasuring } from '../support/figures.js';
import { quantileMs, type Answer } from '../support/load.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, pollUntil, spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(300_000);

/** Nothing is cached: each of these is work for the process and its database. */
const path = '/api/v3/analytics/courses/PROG-101';

let database: TestDatabase;
let app: AppProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  await loadPreset(database.dataSource, { preset: 'demo', asOf: new Date() });
  app = await spawnApp({ env: { DATABASE_URL: database.url, CACHE_ENABLED: 'false', LOG_LEVEL: 'warn' } });
  await waitFor200(app, '/health/ready', 60_000);
});

afterAll(async () => {
  await app.stop();
  await database.drop();
});

interface Load {
  readonly seconds: number;
  readonly connections: number;
  /** Requests a second, whatever the answers; without it each connection asks again once it is answered. */
  readonly rate?: number;
}

async function load({ seconds, connections, rate }: Load): Promise<Answer[]> {
  const answers: Answer[] = [];
  await new Promise<void>((settle, reject) => {
    const options = {
      url: app.url + path,
      connections,
      duration: seconds,
      ...(rate ? { overallRate: rate } : {}),
    };
    const run = autocannon(options, (error: Error | null) => {
      if (error) reject(error);
      else settle();
    });
    run.on('response', (_client, status, _bytes, ms) => {
      answers.push({ status, ms, cache: null, atMs: performance.now() });
    });
  });
  return answers;
}

const good = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 200);
const statusOf = async (of: string) => {
  const answer = await fetch(app.url + of).catch(() => undefined);
  await answer?.text();
  return answer?.status;
};

/** Asks the probe until `work` is over. */
async function probed(work: Promise<Answer[]>): Promise<[Answer[], Set<number | undefined>]> {
  const statuses = new Set<number | undefined>();
  let isOver = false;
  const probing = pollUntil(async () => {
    statuses.add(await statusOf('/health/live'));
    return isOver;
  }, 120_000);
  const answers = await work;
  isOver = true;
  await probing;
  return [answers, statuses];
}

it('F53: five times the peak: what is too much is refused at once, the rest is served', async () => {
  await load({ seconds: 2, connections: 16 });
  const peak = await load({ seconds: 3, connections: 16 });
  const perSecond = good(peak).length / 3;
  const seconds = isMeasuring ? 60 : 4;

  const [answers, probes] = await probed(load({ seconds, connections: 300, rate: 5 * perSecond }));

  const endedAt = performance.now();
  await pollUntil(async () => (await statusOf(path)) === 200, 20_000);
  const refused = answers.filter(({ status }) => status === 503);
  const peakMs = quantileMs(peak, 0.99);
  figure('F53', 'served a second at the peak', perSecond);
  figure('F53', 'asked a second, in times the peak', answers.length / seconds / perSecond);
  figure('F53', 'served a second, % of the peak', (100 * good(answers).length) / seconds / perSecond, {
    atLeast: 90,
  });
  figure('F53', 'p99 at the peak, ms', peakMs);
  figure('F53', 'p99 of what is served, ms', quantileMs(good(answers), 0.99), { atMost: 3 * peakMs });
  figure('F53', 'p99 of what is refused, ms', quantileMs(refused, 0.99));
  figure('F53', 'until it serves again, ms', performance.now() - endedAt, { atMost: 5000 });
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
  expect(probes).toEqual(new Set([200]));
});

it('F54: clients who ask again at once when they are refused: as F53', async () => {
  const [answers, probes] = await probed(load({ seconds: 3, connections: 300 }));

  await pollUntil(async () => (await statusOf(path)) === 200, 20_000);
  figure('F54', 'asked a second', answers.length / 3);
  figure('F54', 'served a second', good(answers).length / 3);
  figure('F54', 'p99 of what is served, ms', quantileMs(good(answers), 0.99));
  expect(good(answers).length).toBeGreaterThan(0);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
  expect(probes).toEqual(new Set([200]));
});

it('F53: says when to come back', async () => {
  const answers = await Promise.all(Array.from({ length: 400 }, () => fetch(app.url + path)));
  const refused = answers.filter(({ status }) => status === 503);

  for (const { headers } of refused) {
    expect(headers.get('retry-after')).toMatch(/^\d+$/);
    expect(headers.get('content-type')).toContain('application/problem+json');
  }
  // Of those who are let in some may find no connection to the database free in time.
  const problems = (await Promise.all(refused.map((answer) => answer.json()))) as { code: string }[];
  const codes = problems.map(({ code }) => code);
  expect(codes).toContain('overloaded');
  expect(codes.filter((code) => !['overloaded', 'database_unavailable'].includes(code))).toEqual([]);
});
