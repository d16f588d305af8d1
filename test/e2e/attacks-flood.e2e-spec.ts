import { Agent, request } from 'node:http';
import { CacheService } from '../../src/cache/index.js';
import { type AttackedApp, startAttackedApp } from '../support/attacked-app.js';
import { ask } from '../support/ask-redis.js';
import { startRedis, type RedisProcess } from '../support/processes.js';

jest.setTimeout(120_000);

/** As many answers as this, of about 4 kB each with all that belongs to them, are half of what the cache holds. */
const HOT = 12;
const MAX_BYTES = 2 * HOT * 4096;

let target: AttackedApp;

afterEach(() => target.close());

/** Past moments, each of which has an answer of its own. */
const momentOf = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
const course = '/api/v3/analytics/courses/PROG-101';
const hot = Array.from({ length: HOT }, (_, n) => `${course}/at/${momentOf(n)}`);
/** Numbers from 0 below `below`, the same in every run. */
function numbers(below: number): () => number {
  let state = 1;
  return () => (state = (state * 48_271) % 2_147_483_647) % below;
}

/** The part of the hot answers that were hits, while `flood` is asked for as often. */
async function hitRatio(rounds: number, flood?: (n: number) => string): Promise<number> {
  const next = numbers(HOT);
  let hits = 0;
  for (let n = 0; n < rounds; n++) {
    const [{ headers }] = await Promise.all([
      target.ask({ path: hot[next()]! }),
      ...(flood ? [target.ask({ path: flood(n) })] : []),
    ]);
    if (headers['x-cache'] === 'HIT') hits += 1;
  }
  return hits / rounds;
}

it('A22: a flood of made-up ids, parameters and moments does not drive out what is asked for often', async () => {
  target = await startAttackedApp({ REDIS_URL: '', CACHE_L1_MAX_BYTES: String(MAX_BYTES) });
  const floods = {
    'ids of nobody': [50, (n: number) => `/api/v3/analytics/students/NOBODY-${n}`],
    'unknown parameters': [50, (n: number) => `${course}?x${n}=${n}`],
    // Six times what the cache holds.
    'past moments': [150, (n: number) => `${course}/at/${momentOf(10_000 + n)}`],
  } as const;
  for (const path of hot) await target.ask({ path });
  const calm = await hitRatio(100);

  for (const [name, [rounds, flood]] of Object.entries(floods)) {
    const ratio = await hitRatio(rounds, flood);
    process.stderr.write(
      `A22: ${name}: ${(100 * ratio).toFixed(1)} % hits, ${(100 * calm).toFixed(1)} % without\n`,
    );
    expect(ratio).toBeGreaterThanOrEqual(calm - 0.1);
  }

  const { l1 } = target.app.app.get(CacheService).stats();
  process.stderr.write(`A22: ${l1.entries} entries of ${(l1.bytes / l1.entries).toFixed(0)} bytes\n`);
  expect(l1.bytes).toBeLessThanOrEqual(MAX_BYTES);
});

describe('with Redis', () => {
  let redis: RedisProcess;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(() => redis.stop());

  it('A22: keeps no answer for an id of nobody, and nothing without an end', async () => {
    target = await startAttackedApp({ REDIS_URL: redis.url, CACHE_NAMESPACE: '' });
    const keys = async (pattern: string) => (await ask(redis, ['KEYS', pattern])).split(',').filter(Boolean);
    const paths = target.operations
      .filter(({ method, path }) => method === 'GET' && path.includes('_id}'))
      .map(({ path }) => path);
    const flood = (n: number) =>
      paths.map((path) => path.replace(/\{\w+_id\}/g, `${1000 + n}`).replace('{as_of}', momentOf(n)));
    await target.ask({ path: course });
    await target.app.app.get(CacheService).settle();
    const before = await keys('cache:*');

    for (let n = 0; n < 10; n++) {
      for (const caller of ['root', 'teacher', 'self'] as const) {
        const answers = await Promise.all(flood(n).map((path) => target.ask({ path }, caller)));
        expect(answers.filter(({ status }) => status !== 404 && status !== 403)).toEqual([]);
      }
    }
    await target.app.app.get(CacheService).settle();

    const after = await keys('cache:*');
    const made = after.filter((key) => !before.includes(key));
    // Who asks is kept, for as long as a second, also who has no person.
    expect(made.filter((key) => !key.includes('rights_caller'))).toEqual([]);
    expect(made.length).toBeLessThanOrEqual(3);
    const all = await keys('*');
    const endless = [];
    for (const key of all) if (Number(await ask(redis, ['PTTL', key])) < 0) endless.push(key);
    process.stderr.write(`A22: ${all.length} keys after ${3 * 10 * paths.length} requests\n`);
    expect(endless).toEqual([]);
  });

  it('A22: looks for no more than one made-up id, however many a request names', async () => {
    target = await startAttackedApp({ REDIS_URL: redis.url, CACHE_NAMESPACE: '' });
    const madeUp = Array.from({ length: 19 }, (_, n) => `MADE-UP-${n}`);

    const answer = await target.ask(
      {
        method: 'POST',
        path: '/api/v3/submissions',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ student_id: 'STU001', activity_id: madeUp }),
      },
      'self',
    );

    expect(answer.status).toBe(404);
    await target.app.app.get(CacheService).settle();
    expect((await ask(redis, ['KEYS', 'token:*MADE-UP*'])).split(',')).toEqual([
      expect.stringContaining('MADE-UP'),
    ]);
  });
});

it('slow batches keep nobody waiting but other batches', async () => {
  target = await startAttackedApp({ MAX_REQUESTS_IN_FLIGHT: '4' });
  const agent = new Agent({ keepAlive: true });
  const path = '/api/v3/events:batch';
  const headers = {
    authorization: `Bearer ${target.tokenOf('service')}`,
    'content-type': 'application/x-ndjson',
  };
  const slow = Array.from({ length: 4 }, () => {
    const batch = request(target.app.url + path, { method: 'POST', headers, agent });
    batch.on('error', () => undefined).write('{"id": ');
    return batch;
  });
  // As many as all places, and each reaches its handler or the queue before whoever comes after it is answered.
  await target.ask({ path: '/health/live' });

  const answers = await Promise.all([
    target.ask({ path: '/api/v3/courses/PROG-101' }),
    target.ask({ path: course }),
  ]);
  for (const batch of slow) batch.destroy();
  agent.destroy();

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});
