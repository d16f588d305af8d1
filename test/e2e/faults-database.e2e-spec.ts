import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, type Pool } from 'pg';
import { DataSource } from 'typeorm';
import { CacheService } from '../../src/cache/index.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { migrate } from '../../src/database/migrate.js';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { figure, isMeasuring } from '../support/figures.js';
import {
  type Answer,
  between,
  failed,
  PATIENCE_MS,
  quantileMs,
  shareOf,
  underLoad,
} from '../support/load.js';
import { type PostgresProcess, startPostgres } from '../support/postgres-process.js';
import { pollUntil, type RedisProcess, startRedis } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { versionOf, VersionedCourse } from '../support/versioned-course.js';

jest.setTimeout(120_000);

const RATE = 30;
const POOL = 10;
/** How long a statement is waited for at most until its caller has its 503, where the server hangs and where it breaks it off. */
const [HUNG_MS, SLOW_MS] = [2500, 2200];

let postgres: PostgresProcess;
let redis: RedisProcess;
let proxy: FaultProxy;
let service: TestApp;
let env: Record<string, string>;
let course: VersionedCourse;
/** Of the database, past the proxy, as a user whom no limit holds. */
let operatorUrl: string;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  operatorUrl = postgres.url;
  await sql(`CREATE ROLE app LOGIN PASSWORD 'app'`, 'CREATE DATABASE app OWNER app');
  operatorUrl = at(postgres.url, '/app');
  const url = at(postgres.url, '/app', 'app');
  await migrate(url);
  const dataSource = await patientDataSource(url).initialize();
  await loadPreset(dataSource, { preset: 'seed-doc', seed: 42, asOf: new Date() });
  await dataSource.destroy();
  proxy = await startFaultProxy(url);
  env = {
    DATABASE_URL: proxy.url,
    DATABASE_POOL_SIZE: String(POOL),
    // Below the 1.5 s for which F34 takes all connections; on a busy machine F33's few need longer to come free.
    DATABASE_QUEUE_TIMEOUT_MS: isMeasuring ? '400' : '900',
    REDIS_URL: redis.url,
    // A busy machine shall not look like a slow Redis.
    REDIS_COMMAND_TIMEOUT_MS: '1000',
  };
  service = await startTestApp({ env });
  course = new VersionedCourse(() => service.url);
});

afterAll(async () => {
  postgres.thaw();
  await service.close();
  await proxy.close();
  await Promise.all([postgres.remove(), redis.stop()]);
});

afterEach(() => {
  expect(course.wrong.slice(0, 5)).toEqual([]);
});

function at(server: string, path: string, user?: string): string {
  const url = new URL(server);
  url.pathname = path;
  if (user) [url.username, url.password] = [user, user];
  return url.href;
}

async function sql(...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new Client({
    connectionString: operatorUrl,
    options: '-c default_transaction_read_only=off',
  });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Every third call reads from the cache, every third past it, the others write. */
function mixed(n: number): Promise<Answer> {
  return [() => course.read(), () => course.readUncached(), () => course.write()][n % 3]!();
}

async function get(path: string): Promise<Answer & { retryAfter: string | null; code: unknown }> {
  return answerOf(path);
}

async function post(path: string, body: object, key?: string) {
  return answerOf(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) },
    body: JSON.stringify(body),
  });
}

async function answerOf(path: string, init?: RequestInit) {
  const since = performance.now();
  const response = await fetch(service.url + path, init);
  const body = (await response.json()) as Record<string, unknown>;
  return {
    status: response.status,
    cache: response.headers.get('x-cache'),
    retryAfter: response.headers.get('retry-after'),
    code: body.code,
    atMs: since,
    ms: performance.now() - since,
  };
}

/** As many at once as there are connections: every one of them works. */
async function isWhole(): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: POOL }, () => course.readUncached()));
  return failed(answers).length === 0;
}

async function untilWhole(withinMs = 20_000): Promise<number> {
  const since = performance.now();
  await pollUntil(isWhole, withinMs);
  return performance.now() - since;
}

function expectOnly(answers: readonly Answer[], ...statuses: number[]): void {
  expectOnlyWithin(PATIENCE_MS, answers, ...statuses);
}

/** Where times are measured, a later answer is none. */
function expectOnlyWithin(ms: number, answers: readonly Answer[], ...statuses: number[]): void {
  const withinMs = isMeasuring ? ms : Infinity;
  expect(answers.length).toBeGreaterThan(5);
  expect(answers.filter((answer) => !statuses.includes(answer.status) || answer.ms > withinMs)).toEqual([]);
}

/** Whether a view stays in the cache from one call to the next. */
function untilHit(): Promise<void> {
  return pollUntil(async () => (await course.read()).cache === 'HIT', 20_000);
}

it('F30: a PostgreSQL that is down at the start is waited for by a service that is alive and not ready', async () => {
  await postgres.crash();
  const other = await startTestApp({ env, awaitDatabase: false });
  const status = async (path: string) => (await other.request.get(path)).status;
  try {
    expect(await status('/health/live')).toBe(200);
    expect(await status('/health/startup')).toBe(503);
    expect(await status('/health/ready')).toBe(503);
    expect(await status('/api/v3/users')).toBe(503);
    // Long enough for the pauses between attempts to become as long as they get.
    await wait(isMeasuring ? 15_000 : 500);
    await postgres.start();
    const since = performance.now();
    await pollUntil(async () => (await status('/health/ready')) === 200, 20_000);

    figure('F30', 'until it is ready, ms', performance.now() - since, { atMost: 3000 });
    expect(await status('/health/startup')).toBe(200);
    expect(await status('/api/v3/users')).toBe(200);
    await untilWhole();
  } finally {
    await other.close();
  }
});

it('F32: a PostgreSQL that hangs is waited for once, then answers 503 at once; nothing is written later', async () => {
  await untilWhole();
  await untilHit();
  let [frozenAt, thawedAt, wholeMs, begunBefore] = [0, 0, 0, 0];
  let isWriting = true;
  const call = (n: number) => (n % 3 === 2 && !isWriting ? course.readUncached() : mixed(n));

  const answers = await underLoad(RATE, call, async () => {
    await wait(500);
    await postgres.freeze();
    frozenAt = performance.now();
    begunBefore = course.written;
    await wait(5000);
    isWriting = false;
    thawedAt = performance.now();
    postgres.thaw();
    wholeMs = await untilWhole();
  });

  const during = between(answers, frozenAt, thawedAt);
  const later = failed(between(answers, frozenAt + 3500, thawedAt));
  figure('F32', 'slowest answer, ms', quantileMs(during, 1), { atMost: HUNG_MS });
  figure('F32', 'p99 of 503 later, ms', quantileMs(later, 0.99), { atMost: 50 });
  figure('F32', 'until all connections work, ms', wholeMs, { atMost: 5000 });
  // Who had asked before that waits for what hangs from then on.
  const early = between(answers, 0, frozenAt).map((answer) => ({
    ...answer,
    ms: answer.atMs + answer.ms - frozenAt,
  }));
  expectOnlyWithin(HUNG_MS, [...early, ...between(answers, frozenAt)], 200, 503);
  expect(failed(during).length).toBeGreaterThan(10);
  expect(later.length).toBeGreaterThan(5);
  const [row] = await sql(`SELECT name FROM courses WHERE code = 'PROG-101'`);
  expect(versionOf(String(row?.name))).toBeLessThanOrEqual(begunBefore);
});

describe('a statement that takes its time', () => {
  beforeAll(async () => {
    await sql(
      `CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep(substring(NEW.code FROM 'SLOW-(.*)-')::float); RETURN NEW; END $$`,
      `CREATE TRIGGER be_slow BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.code LIKE 'SLOW-%') EXECUTE FUNCTION be_slow()`,
    );
  });

  afterAll(async () => {
    await sql('DROP TRIGGER be_slow ON users', 'DROP FUNCTION be_slow');
  });

  let number = 0;
  const slow = (seconds: number) =>
    post('/api/v3/users', { user_id: `SLOW-${seconds}-${++number}`, role: 'student' });

  it('F33: is broken off, be it slow or waiting for a lock, and holds up nobody else', async () => {
    await untilWhole();
    const locker = new Client({ connectionString: operatorUrl });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE');
    const blocked = [1, 2, 3].map((n) =>
      post('/api/v3/users', { user_id: `LOCKED-${n}`, role: 'student' }, `locked-${n}`),
    );
    const stuck = Array.from({ length: 3 }, () => slow(10));

    const others = await underLoad(RATE, mixed, async () => {
      await Promise.all([...blocked, ...stuck]);
    });
    await locker.end();

    const answers = await Promise.all([...blocked, ...stuck]);
    figure('F33', 'slowest, ms', quantileMs(answers, 1), { atMost: SLOW_MS });
    figure('F33', 'p99 of others, ms', quantileMs(others, 0.99));
    expectOnlyWithin(SLOW_MS, answers, 503);
    expect(answers.every(({ retryAfter }) => retryAfter !== null)).toBe(true);
    expectOnly(others, 200);
    expect(await isWhole()).toBe(true);
    const [row] = await sql(`SELECT count(*)::int AS n FROM users WHERE code LIKE 'SLOW-10-%'`);
    expect(row?.n).toBe(0);
  });

  it('F34: that takes all connections has further callers told so soon, and costs hits nothing', async () => {
    await untilWhole();
    await untilHit();
    const before = await underLoad(
      5 * RATE,
      () => course.read(),
      () => wait(1000),
    );

    const long = Array.from({ length: 2 * POOL }, () => slow(1.5));
    await pollUntil(async () => (await backends(SLOW_INSERTS)) === POOL, 10_000);
    const hits = await underLoad(
      5 * RATE,
      () => course.read(),
      async () => {
        await Promise.all(long);
      },
    );
    const answers = await Promise.all(long);

    const refused = failed(answers);
    const usualMs = quantileMs(before, 0.99);
    figure('F34', 'slowest refusal, ms', quantileMs(refused, 1), { atMost: 500 });
    figure('F34', 'p99 of hits before, ms', usualMs);
    figure('F34', 'p99 of hits, ms', quantileMs(hits, 0.99), { atMost: usualMs + 5 });
    expect(refused.length).toBeGreaterThan(0);
    expectOnly(answers, 201, 503);
    expect(answers.filter(({ status, retryAfter }) => status === 503 && retryAfter === null)).toEqual([]);
    expectOnly(hits, 200);
    // Whoever was refused has written nothing, then or later.
    await untilWhole();
    const [row] = await sql(`SELECT count(*)::int AS n FROM users WHERE code LIKE 'SLOW-1.5-%'`);
    expect(row?.n).toBe(answers.length - refused.length);
  });

  it('F36: whose connection is killed is answered 503, and has changed nothing', async () => {
    await untilWhole();
    // Of what was written before, nothing waits any more.
    await pollUntil(async () => (await sql('SELECT FROM cache_outbox')).length === 0, 10_000);
    const writing = slow(1.5);
    await pollUntil(async () => (await backends(SLOW_INSERTS)) === 1, 10_000);
    await sql(killing(SLOW_INSERTS));

    const answer = await writing;

    expect([answer.status, answer.code]).toEqual([503, 'database_unavailable']);
    const [row] = await sql(`SELECT count(*)::int AS n FROM users WHERE code = 'SLOW-1.5-${number}'`);
    expect(row?.n).toBe(0);
    expect(await sql('SELECT * FROM cache_outbox')).toEqual([]);
  });
});

const SLOW_INSERTS = `query LIKE 'INSERT INTO "users"%' AND state = 'active'`;
const OURS = `application_name = 'ai-native-backend'`;

async function backends(which: string): Promise<number> {
  const [row] = await sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE ${OURS} AND ${which}`);
  return row?.n as number;
}

function killing(which: string): string {
  return `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND ${which}`;
}

it('F35: transactions that wait for each other are run again, and each has its effect once', async () => {
  await untilWhole();
  // A write of one course touches the other: two at once, each waits for the other's row.
  await sql(
    'CREATE TABLE touches (course text)',
    'GRANT INSERT ON touches TO app',
    `CREATE FUNCTION touch_other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO touches VALUES (NEW.code);
       PERFORM pg_sleep(0.03);
       UPDATE courses SET pass_mark = pass_mark WHERE code <> NEW.code;
       RETURN NEW; END $$`,
    `CREATE TRIGGER touch_other AFTER UPDATE ON courses FOR EACH ROW
       WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION touch_other()`,
  );
  const codes = (await sql('SELECT code FROM courses ORDER BY code LIMIT 2')).map(({ code }) => String(code));
  const deadlocks = async () => {
    const [row] = await sql(`SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = 'app'`);
    return row?.n as number;
  };
  const deadlocksBefore = await deadlocks();
  const rounds = 8;
  const answers: Answer[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const write = (code: string) =>
        answerOf(`/api/v3/courses/${code}`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ pass_mark: 40 + round }),
        });
      answers.push(...(await Promise.all(codes.map(write))));
    }
    await pollUntil(async () => (await deadlocks()) > deadlocksBefore, 5000);
    const touches = await sql(
      'SELECT course, count(*)::int AS n FROM touches GROUP BY course ORDER BY course',
    );

    figure('F35', 'transactions broken off', (await deadlocks()) - deadlocksBefore);
    figure('F35', 'failed', failed(answers).length, { atMost: 0 });
    expectOnly(answers, 200);
    expect(touches).toEqual(codes.map((code) => ({ course: code, n: rounds })));
  } finally {
    await sql('DROP TRIGGER touch_other ON courses', 'DROP FUNCTION touch_other', 'DROP TABLE touches');
  }
});

it('F36: connections killed at any moment cost answers, never a confirmed write or a right answer', async () => {
  await untilWhole();
  let kills = 0;

  const answers = await underLoad(2 * RATE, mixed, async () => {
    const until = performance.now() + (isMeasuring ? 20_000 : 2500);
    while (performance.now() < until) {
      await sql(killing(`random() < 0.5`));
      kills++;
      await wait(Math.random() * 100);
    }
  });
  const healMs = await untilWhole();

  figure('F36', 'kills', kills);
  figure('F36', '503, %', (100 * failed(answers).length) / answers.length);
  figure('F36', 'until all connections work, ms', healMs);
  figure('F36', 'answers older than a confirmed write', course.wrong.length, { atMost: 0 });
  expectOnly(answers, 200, 503);
  expect((await course.readUncached()).status).toBe(200);
  expect((await course.read()).status).toBe(200);
  // What was committed and could not be told is carried out.
  await pollUntil(async () => (await sql('SELECT FROM cache_outbox')).length === 0, 10_000);
});

it.each(['before', 'after'] as const)(
  'F37: a connection lost right %s the server had COMMIT is answered 503; the same key then applies it once',
  async (when) => {
    await untilWhole();
    await untilHit();
    const body = { user_id: `COMMIT-${when}`, role: 'student' };
    const repeat = () => post('/api/v3/users', body, `commit-${when}`);
    proxy.cutAt('COMMIT', when);
    const lost = await repeat();
    const unknown = await course.write();
    const refusedAt = performance.now();
    await proxy.restore();
    const retried = await repeat();
    const name = `v${course.written}`;
    const isApplied = (await sql(`SELECT FROM courses WHERE name = '${name}'`)).length === 1;
    const shown = async () => {
      const answer = await fetch(`${service.url}/api/v3/analytics/courses/PROG-101`);
      return ((await answer.json()) as { course_name: string }).course_name === name;
    };
    if (isApplied) {
      await pollUntil(shown, 5000);
      figure('F37', `old answers after a COMMIT lost ${when}, ms`, performance.now() - refusedAt, {
        atMost: 2000,
      });
    }

    expect([lost.status, unknown.status]).toEqual([503, 503]);
    expect(isApplied).toBe(when === 'after');
    expect(retried.status).toBe(201);
    const [row] = await sql(`SELECT count(*)::int AS n FROM users WHERE code = '${body.user_id}'`);
    expect(row?.n).toBe(1);
    await pollUntil(async () => (await sql('SELECT FROM cache_outbox')).length === 0, 10_000);
  },
);

it.each(['', '?atomic=true'])(
  'F36: a batch of events%s whose connection is lost is answered 503, and is stored once when it is repeated',
  async (query) => {
    await untilWhole();
    const event = {
      id: randomUUID(),
      student_id: 'STU001',
      course_id: 'PROG-101',
      verb: 'viewed',
      occurred_at: '2026-02-05T18:52:18Z',
    };
    const send = () =>
      answerOf(`/api/v3/events:batch${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: JSON.stringify(event),
      });
    proxy.cutAt('INSERT INTO events', 'before');
    const lost = await send();
    await proxy.restore();

    expect([lost.status, lost.code, lost.retryAfter]).toEqual([503, 'database_unavailable', '2']);
    expect((await send()).status).toBe(200);
    const [row] = await sql(`SELECT count(*)::int AS n FROM events WHERE client_id = '${event.id}'`);
    expect(row?.n).toBe(1);
  },
);

it('F38: connections to a server that may only be read are given up for others', async () => {
  await untilWhole();
  await sql('ALTER DATABASE app SET default_transaction_read_only = on', killing('true'));
  const during = await underLoad(RATE, mixed, () => wait(1000));
  await sql('ALTER DATABASE app RESET default_transaction_read_only');
  const since = performance.now();
  await pollUntil(async () => (await course.write()).status === 200, 20_000);
  const recoveredMs = performance.now() - since;
  const after = await Promise.all(Array.from({ length: POOL }, () => course.write()));

  figure('F38', 'until it is written again, ms', recoveredMs, { atMost: 5000 });
  figure('F38', '503 of writes after that, of 10', failed(after).length);
  expectOnly(during, 200, 503);
  expect(failed(during).length).toBeGreaterThan(0);
  await pollUntil(isWhole, 5000);
});

it('F40: a full disk and a server without room for connections are told, and not besieged', async () => {
  await untilWhole();
  // A sequence counts also what is rolled back.
  await sql(
    'CREATE SEQUENCE attempts',
    'GRANT USAGE ON SEQUENCE attempts TO app',
    `CREATE FUNCTION be_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       PERFORM nextval('attempts'); RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`,
    `CREATE TRIGGER be_full BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION be_full()`,
  );
  const full = [];
  for (let n = 0; n < 10; n++)
    full.push(await post('/api/v3/users', { user_id: `FULL-${n}`, role: 'student' }));
  const [tried] = await sql(`SELECT last_value::int AS n FROM attempts`);
  await sql('DROP TRIGGER be_full ON users', 'DROP FUNCTION be_full', 'DROP SEQUENCE attempts');

  await sql('ALTER ROLE app CONNECTION LIMIT 3', killing('true'));
  const acceptedBefore = proxy.accepted();
  const crowd = () => Promise.all(Array.from({ length: 3 }, () => course.readUncached()));
  const crowded: Answer[] = [];
  await underLoad(
    RATE / 3,
    async () => {
      const answers = await crowd();
      crowded.push(...answers);
      return answers[0]!;
    },
    () => wait(2000),
  );
  const connectsPerCall = (proxy.accepted() - acceptedBefore) / crowded.length;
  await sql('ALTER ROLE app CONNECTION LIMIT -1');
  const healMs = await untilWhole();

  figure('F40', 'attempts a write, disk full', (tried?.n as number) / full.length, { atMost: 1.1 });
  figure('F40', 'connections opened a call, none free', connectsPerCall, { atMost: 1.1 });
  figure(
    'F40',
    'served, no connection free, %',
    (100 * (crowded.length - failed(crowded).length)) / crowded.length,
  );
  figure('F40', 'until all connections work, ms', healMs);
  expectOnly(full, 503);
  expect(full.map(({ code }) => code)).toEqual(full.map(() => 'database_unavailable'));
  expectOnly(crowded, 200, 503);
});

describe.each(['PostgreSQL', 'Redis'])('F58: both away, %s back first', (first) => {
  it('is alive, refuses at once and recovers by itself', async () => {
    await untilWhole();
    await untilHit();
    const { port } = redis;
    await Promise.all([postgres.crash(), redis.kill()]);
    // Those that were under way may wait for what was there a moment ago.
    await Promise.all([course.read(), course.readUncached()]);

    const answers = await underLoad(RATE, mixed, async () => {
      // Probes are what tells for how long it has been away.
      for (let second = 0; second < (isMeasuring ? 13 : 1); second++) {
        await get('/health/ready');
        await wait(1000);
      }
    });
    const live = await get('/health/live');
    const ready = await get('/health/ready');
    const back = {
      PostgreSQL: () => postgres.start(),
      Redis: async () => {
        redis = await startRedis({ port });
      },
    };
    await back[first as keyof typeof back]();
    await wait(500);
    await back[first === 'Redis' ? 'PostgreSQL' : 'Redis']();
    const since = performance.now();
    await pollUntil(async () => (await get('/health')).status === 200, 20_000);
    await pollUntil(() => service.app.get(CacheService).stats().isAvailable, 20_000);
    await untilWhole();
    await untilHit();

    figure('F58', `p99 of 503, ${first} back first, ms`, quantileMs(failed(answers), 0.99), { atMost: 50 });
    figure('F58', `until all is well, ${first} back first, ms`, performance.now() - since, {
      atMost: 10_000,
    });
    expectOnly(answers, 200, 503);
    expect(failed(answers).length).toBeGreaterThan(5);
    expect(shareOf(answers, 'HIT')).toBe(0);
    expect(live.status).toBe(200);
    expect(ready.status).toBe(isMeasuring ? 503 : 200);
  });
});

describe('F48: whatever can emit an error has somebody who hears it', () => {
  it('in the pool, also while a connection changes hands', async () => {
    await untilWhole();
    const { master: pool } = service.app.get(DataSource).driver as unknown as { master: Pool };
    const taken = await pool.connect();

    taken.emit('error', new Error('broken in the hands of somebody'));
    taken.release(true);
    pool.emit('error', new Error('broken while idle'), taken);

    await untilWhole();
  });

  it('in every file that makes a connection', () => {
    const makers = /\bnew Client\(|\bcreateClient\(|\.factory\(/;
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
      .map((name) => [name, readFileSync(join('src', name), 'utf8')] as const)
      .filter(([, code]) => makers.test(code));

    const unheard = files.filter(([, code]) => !code.includes(`.on('error'`)).map(([name]) => name);
    figure('F48', `of ${files.length} files that make connections do not listen to errors`, unheard.length, {
      atMost: 0,
    });
    expect(files.length).toBeGreaterThan(2);
    expect(unheard).toEqual([]);
  });
});
