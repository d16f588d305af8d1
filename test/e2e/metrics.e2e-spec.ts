import { randomUUID } from 'node:crypto';
import { CacheService } from '../../src/cache/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, required } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

const course = '/api/v3/analytics/courses/PROG-101';

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The lines of Prometheus's text format; fails on anything else. */
function parse(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '))
    .map((line) => {
      const [, name, labels = '', value] =
        /^([a-z0-9_]+)(?:\{(.*)\})? ([-+.\de]+|[+-]Inf|nan)$/i.exec(line) ?? [];
      if (name === undefined) throw new Error(`not a line of the text format: ${line}`);
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', of = '']) => [key, of]);
      return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
    });
}

/** How far ahead `performance.now()` is. */
let aheadMs = 0;

/** Values are shared for a second, which is over at once: those of now come. */
async function scrape(app: TestApp): Promise<{ text: string; lines: Line[] }> {
  aheadMs += 1000;
  const { text } = await app.request.get('/metrics').expect(200);
  return { text, lines: parse(text) };
}

function valueOf(
  lines: readonly Line[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  return lines.find(
    (line) =>
      line.name === name && Object.entries(labels).every(([label, value]) => line.labels[label] === value),
  )?.value;
}

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  database = await createTestDatabase();
  await peopleOfTwoCourses(database.dataSource);
});

afterAll(async () => {
  jest.restoreAllMocks();
  await database.drop();
});

describe('/metrics', () => {
  const namespace = `metrics-${randomUUID()}:`;

  beforeAll(async () => {
    app = await startTestApp({
      env: {
        DATABASE_URL: database.url,
        REDIS_URL: required('TEST_REDIS_URL'),
        CACHE_NAMESPACE: namespace,
      },
    });
  });

  afterAll(() => app.close());

  it('is in the text format of Prometheus, each metric once and described', async () => {
    const { headers, text } = await app.request.get('/metrics').expect(200);

    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    const described = [
      ...text.matchAll(/^# HELP (\w+) \S.*\n# TYPE \1 (counter|gauge|histogram|summary)$/gm),
    ];
    const names = described.map(([, name = '']) => name);
    expect(new Set(names).size).toBe(names.length);
    const undescribed = parse(text).filter(
      ({ name }) => !names.includes(name.replace(/_(bucket|sum|count)$/, '')) && !names.includes(name),
    );
    expect(undescribed).toEqual([]);
    expect(names).toEqual(
      expect.arrayContaining([
        'nodejs_eventloop_lag_seconds',
        'nodejs_eventloop_lag_p99_seconds',
        'cache_hits_total',
      ]),
    );
  });

  it('counts what happened, by prefix', async () => {
    const before = await scrape(app);
    await app.request.get(course).expect('x-cache', 'MISS');
    await app.app.get(CacheService).settle();
    await app.request.get(course).expect('x-cache', 'HIT');
    await app.request.get(course).expect('x-cache', 'HIT');
    const after = await scrape(app);

    const grown = (name: string) =>
      valueOf(after.lines, name, { prefix: 'course_analytics' })! -
      valueOf(before.lines, name, { prefix: 'course_analytics' })!;
    expect(grown('cache_hits_total')).toBe(2);
    expect(grown('cache_misses_total')).toBe(1);
    expect(grown('cache_load_duration_seconds_count')).toBe(1);
    expect(grown('cache_load_duration_seconds_sum')).toBeGreaterThan(0);
    expect(grown('cache_served_bytes_total')).toBeGreaterThan(100);
    expect(valueOf(after.lines, 'cache_redis_up')).toBe(1);
    expect(valueOf(after.lines, 'cache_store_available')).toBe(1);
    const { host } = new URL(required('TEST_REDIS_URL'));
    expect(after.lines.filter(({ name }) => name === 'cache_info')).toEqual([
      expect.objectContaining({ labels: { namespace, server: `${host}/0` }, value: 1 }),
    ]);
    expect(valueOf(after.lines, 'cache_breaker_state', { state: 'closed' })).toBe(1);
    expect(valueOf(after.lines, 'cache_breaker_state', { state: 'open' })).toBe(0);
    expect(valueOf(after.lines, 'cache_l1_entries')).toBeGreaterThan(0);
  });

  it('sees nobody wait for the database where nobody asks but itself', async () => {
    const { lines } = await scrape(app);

    expect(valueOf(lines, 'cache_outbox_rows')).toBe(0);
    expect(valueOf(lines, 'cache_outbox_oldest_seconds')).toBe(0);
    expect(valueOf(lines, 'database_connections', { state: 'waiting' })).toBe(0);
  });

  it('counts what was refused by its code, and says whether the database answers', async () => {
    const before = await scrape(app);
    await app.request.get('/api/v3/nothing').expect(404);
    const after = await scrape(app);

    const problemsOf = ({ lines }: typeof before, code: string) =>
      valueOf(lines, 'http_problems_total', { code });
    expect(problemsOf(after, 'not_found')).toBe(problemsOf(before, 'not_found')! + 1);
    expect(problemsOf(after, 'overloaded')).toBe(0);
    expect(valueOf(after.lines, 'database_up')).toBe(1);
  });

  it('measures every request by its route, hits and what no route is asked about among them', async () => {
    const countOf = ({ lines }: Awaited<ReturnType<typeof scrape>>, route: string, status: string) =>
      valueOf(lines, 'http_request_duration_seconds_count', { route, status }) ?? 0;
    const route = '/api/v3/analytics/courses/:course_id';
    await app.request.get(course).expect(200);
    const before = await scrape(app);
    const { headers } = await app.request.get(course).expect('x-cache', 'HIT');
    await app.request.get(course).set('if-none-match', headers.etag!).expect(304);
    await fetch(`${app.url}/api/v3/nothing-of-anybody`);
    // The router itself refuses these, before any hook.
    await fetch(`${app.url}/api/v3/users/%E0%A4%A`);
    await fetch(`${app.url}/api/v3/users/${'x'.repeat(201)}`);
    const after = await scrape(app);

    const grown = (of: string, status: string) => countOf(after, of, status) - countOf(before, of, status);
    expect(grown(route, '200')).toBe(1);
    expect(grown(route, '304')).toBe(1);
    expect(grown('unknown', '404')).toBe(1);
    expect(grown('unknown', '400')).toBe(1);
    expect(grown('unknown', '414')).toBe(1);
    expect(after.text).not.toContain('nothing-of-anybody');
  });

  it('knows how many are being served, of what, and on how many connections', async () => {
    const load = async () => {
      const { lines } = await scrape(app);
      const requests = (state: string) => valueOf(lines, 'http_requests', { queue: 'requests', state });
      return {
        serving: requests('serving'),
        waiting: requests('waiting'),
        uploads: valueOf(lines, 'http_requests', { queue: 'uploads', state: 'serving' }),
        connections: valueOf(lines, 'database_connections', { state: 'active' }),
      };
    };
    let isHeld = true;

    // One after the other, each waiting for the table for as long as a statement may wait for a lock.
    const held = database.dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
      while (isHeld) await app.request.get('/api/v3/users');
    });
    try {
      let seen: Awaited<ReturnType<typeof load>> | undefined;
      await pollUntil(async () => (seen = await load()).serving === 1, 10_000);
      expect(seen).toMatchObject({ waiting: 0, uploads: 0 });
      // Who asks for metrics may have one, too.
      expect(seen?.connections).toBeGreaterThanOrEqual(1);
    } finally {
      isHeld = false;
      await held;
    }
    await pollUntil(async () => (await load()).serving === 0, 5000);
  });

  it('counts the invalidations that the outbox still holds, and says how long the oldest has waited', async () => {
    const [{ id }] = await database.dataSource.query<[{ id: string }]>(
      `INSERT INTO cache_outbox (tags, renewed_at, written_at)
       VALUES ('{}', clock_timestamp() + interval '900 ms', clock_timestamp() - interval '1 hour') RETURNING id`,
    );
    // Whoever holds it keeps relays from it.
    const [rows, oldestS] = await database.dataSource.transaction(async (manager) => {
      await manager.query('SELECT FROM cache_outbox WHERE id = $1 FOR UPDATE', [id]);
      const { lines } = await scrape(app);
      return ['cache_outbox_rows', 'cache_outbox_oldest_seconds'].map((name) => valueOf(lines, name));
    });
    await database.dataSource.query('DELETE FROM cache_outbox');

    expect(rows).toBe(1);
    expect(oldestS).toBeGreaterThan(3599);
    expect(oldestS).toBeLessThan(4000);
  });

  it('counts each bucket of a histogram with those below it', async () => {
    await app.request.get(course).expect(200);

    const { lines } = await scrape(app);

    const ofPrefix = lines.filter(({ labels }) => labels.prefix === 'course_analytics');
    const buckets = ofPrefix.filter(({ name }) => name === 'cache_load_duration_seconds_bucket');
    const values = buckets.map(({ value }) => value);
    expect(buckets.map(({ labels }) => labels.le)).toEqual(
      expect.arrayContaining(['0.001', '1', '30', '+Inf']),
    );
    expect(values).toEqual([...values].sort((one, other) => one - other));
    expect(values.at(-1)).toBe(valueOf(ofPrefix, 'cache_load_duration_seconds_count'));
  });

  it('has a line for every cached method, for all else one, and says nothing of anybody', async () => {
    await app.request.get('/api/v3/analytics/students/STU001').expect(200);

    const { text, lines } = await scrape(app);

    const prefixes = lines
      .filter(({ name }) => name === 'cache_hits_total')
      .map(({ labels }) => labels.prefix);
    expect(prefixes).toEqual([...app.app.get(CacheService).stats().prefixes.keys()]);
    expect(prefixes).toEqual(expect.arrayContaining(['course_analytics', 'student_risk', 'default']));
    expect(text).not.toMatch(/STU001|PROG-101|cache:/);
  });
});

describe('/metrics of another application', () => {
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

  afterEach(() => app.close());

  it('counts for itself, needs no database, and knows no Redis', async () => {
    app = await startTestApp({ env, awaitDatabase: false });

    const { lines } = await scrape(app);

    expect(valueOf(lines, 'cache_misses_total', { prefix: 'course_analytics' })).toBe(0);
    expect(valueOf(lines, 'cache_redis_up')).toBeUndefined();
    expect(valueOf(lines, 'cache_breaker_state')).toBeUndefined();
    expect(valueOf(lines, 'cache_backplane_up')).toBeUndefined();
    expect(valueOf(lines, 'cache_info')).toBeUndefined();
    expect(valueOf(lines, 'cache_outbox_rows')).toBeUndefined();
    expect(valueOf(lines, 'cache_outbox_oldest_seconds')).toBeUndefined();
    expect(valueOf(lines, 'database_up')).toBe(0);
  });

  it('does not look like an outage where the cache is switched off', async () => {
    app = await startTestApp({ env: { DATABASE_URL: database.url, CACHE_ENABLED: 'false' } });

    const { headers } = await app.request.get(course).expect(200);
    const { lines } = await scrape(app);

    expect(headers).toMatchObject({
      'x-cache': 'BYPASS',
      'cache-status': 'ai-native; fwd=bypass; detail=disabled',
    });
    expect(valueOf(lines, 'cache_store_available')).toBeUndefined();
  });

  it('is not there when switched off', async () => {
    app = await startTestApp({ env: { ...env, METRICS_ENABLED: 'false' }, awaitDatabase: false });

    const { body } = await app.request.get('/metrics').expect(404);

    expect(body.code).toBe('not_found');
  });
});
