import { randomBytes, randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { CacheService } from '../../src/cache/index.js';
import { IdempotencyService } from '../../src/records/idempotency/idempotency.service.js';
import { PostedRequest } from '../../src/records/idempotency/idempotent.decorator.js';
import { wrote } from '../../src/records/write-effect.js';
import { deferred } from '../support/deferred.js';
import { patientDatabase } from '../support/patient-database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

describe('a POST with an Idempotency-Key', () => {
  let database: TestDatabase;
  let app: TestApp;

  const addUser = (key: string, body: object) =>
    app.request.post('/api/v3/users').set('Idempotency-Key', key).send(body);
  const keys = (key: string) =>
    database.dataSource.query<{ scope: string; hours: string }[]>(
      `SELECT scope, extract(epoch FROM expires_at - created_at) / 3600 AS hours FROM idempotency_keys WHERE key = $1`,
      [key],
    );

  beforeAll(async () => {
    database = await createTestDatabase();
    app = await startTestApp({ env: { DATABASE_URL: database.url, ...patientDatabase } });
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('A34: is answered the same way again, byte for byte, and runs once', async () => {
    const first = await addUser('again', { user_id: 'A1', role: 'student' });
    const second = await addUser('again', { role: 'student', user_id: 'A1' });

    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.text).toBe(first.text);
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    expect(second.headers['idempotency-replayed']).toBe('true');
  });

  it.each(['full_name', 'email'])('tells no %s that was to be forgotten since', async (field) => {
    const body = { user_id: `F-${field}`, role: 'student', full_name: 'Ada', email: `${field}@example.org` };
    const first = await addUser(`forget-${field}`, body);
    expect(JSON.stringify(first.body)).toContain('Ada');

    await app.request
      .patch(`/api/v3/users/${body.user_id}`)
      .send({ [field]: null })
      .expect(200);

    expect((await addUser(`forget-${field}`, body)).status).toBe(409);
    expect(await keys(`forget-${field}`)).toEqual([]);
  });

  it('finds those of people without looking at the others', async () => {
    const plan = await database.dataSource.transaction(async (manager) => {
      // Of a few rows all are read.
      await manager.query('SET LOCAL enable_seqscan = off');
      const asked: string[] = [];
      const explained = { query: (sql: string) => (asked.push(sql), Promise.resolve([])) };
      await app.app.get(IdempotencyService).forgetPerson(explained as unknown as typeof manager, 'nobody');
      return manager.query<object[]>(`EXPLAIN ${asked[0]!.replace('$1', "'nobody'")}`);
    });

    expect(JSON.stringify(plan)).toContain('idempotency_keys_of_people');
  });

  it('makes old what the first made old, when it is repeated: that may have failed after its commit', async () => {
    const stats = async () => {
      const { headers } = await app.request.get('/api/v3/system/stats');
      await app.app.get(CacheService).settle();
      return headers['x-cache'];
    };
    await addUser('lost', { user_id: 'L1', role: 'student' }).expect(201);
    await stats();
    expect(await stats()).toBe('HIT');

    await addUser('lost', { user_id: 'L1', role: 'student' }).expect(201);

    expect(await stats()).toBe('MISS');
  });

  it('A34: is the same request again however its address is spelled, and however long that is', async () => {
    const body = { user_id: 'A2', role: 'student' };
    const spelled = async (target: string) => {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const headers = { 'content-type': 'application/json', 'idempotency-key': 'spelled' };
        const { port } = new URL(app.url);
        const request = httpRequest({ port, method: 'POST', path: target, headers }, resolve);
        request.on('error', reject).end(JSON.stringify(body));
      });
      answer.resume();
      return [answer.statusCode, answer.headers['idempotency-replayed']];
    };

    expect(await spelled('/api/v3/users')).toEqual([201, undefined]);
    expect(await spelled('/api/v3/%75sers?a=b')).toEqual([201, 'true']);
    expect(await spelled(`http://${randomBytes(3000).toString('hex')}/api/v3/users`)).toEqual([201, 'true']);
  });

  it('A34: is refused if the key came with another body before', async () => {
    await addUser('reused', { user_id: 'B1', role: 'student' }).expect(201);
    const other = await addUser('reused', { user_id: 'B2', role: 'student' });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('may use the key of another route', async () => {
    await addUser('shared', { user_id: 'C1', role: 'student' }).expect(201);
    const course = {
      course_id: 'C1',
      name: 'C',
      starts_at: '2026-01-01T00:00Z',
      ends_at: '2026-02-01T00:00Z',
    };
    await app.request.post('/api/v3/courses').set('Idempotency-Key', 'shared').send(course).expect(201);
    expect((await keys('shared')).map(({ hours }) => Number(hours))).toEqual([24, 24]);
  });

  it('leaves nothing behind when it fails, so that it can be repeated', async () => {
    await addUser('failed', { user_id: 'A1', role: 'student' }).expect(409);
    expect(await keys('failed')).toEqual([]);
    await addUser('failed', { user_id: 'D1', role: 'student' }).expect(201);
  });

  it.each(['', 'x'.repeat(256), 'a b', 'ä'])('is refused with the key "%s"', async (key) => {
    const answer = await fetch(`${app.url}/api/v3/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ user_id: `E-${randomUUID()}`, role: 'student' }),
    });
    expect(answer.status).toBe(400);
  });

  it('A34: sent 50 times at once writes one row', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => addUser('fifty', { user_id: 'F1', role: 'student' })),
    );

    const first = answers.filter(({ status, headers }) => status === 201 && !headers['idempotency-replayed']);
    expect(first).toHaveLength(1);
    for (const { status, body, text } of answers) {
      if (status === 201) expect(text).toBe(first[0]!.text);
      else expect([status, body.code]).toEqual([409, 'idempotency_in_flight']);
    }
    expect(await keys('fifty')).toHaveLength(1);
    expect((await addUser('fifty', { user_id: 'F1', role: 'student' })).text).toBe(first[0]!.text);
  });

  it('runs again after 24 hours', async () => {
    await addUser('expired', { user_id: 'G1', role: 'student' }).expect(201);
    await database.dataSource.query(
      `UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'expired'`,
    );
    await addUser('expired', { user_id: 'G2', role: 'student' }).expect(201);
    expect(await keys('expired')).toHaveLength(1);
  });

  it('takes up to ten expired keys with it', async () => {
    const old = await database.dataSource.query<unknown[]>(
      `INSERT INTO idempotency_keys (scope, key, request_hash, status_code, response, expires_at)
       SELECT 'old', 'old-' || n, '', 201, '{}', now() - interval '1 hour' FROM generate_series(1, 25) n RETURNING key`,
    );
    expect(old).toHaveLength(25);
    const left = async () =>
      (
        await database.dataSource.query<{ n: number }[]>(
          `SELECT count(*)::int AS n FROM idempotency_keys WHERE scope = 'old'`,
        )
      )[0]!.n;
    for (const expected of [15, 5, 0]) {
      await addUser(randomUUID(), { user_id: `H-${expected}`, role: 'student' }).expect(201);
      expect(await left()).toBe(expected);
    }
  });

  describe('while the first one runs', () => {
    const request = (key: string) => new PostedRequest('admin:test POST /x', key, 'hash', () => undefined);
    const answerOnce = () => Promise.resolve(wrote({ id: '1' }));

    it('is answered "in flight" at once', async () => {
      const service = new IdempotencyService(database.dataSource);
      const [started, released] = [deferred<undefined>(), deferred<undefined>()];
      const first = service.run(request('slow'), async () => {
        started.resolve(undefined);
        await released.promise;
        return wrote({ id: '1' });
      });
      await started.promise;

      await expect(service.run(request('slow'), answerOnce)).rejects.toMatchObject({
        code: 'idempotency_in_flight',
      });
      released.resolve(undefined);
      await first;
      expect(await service.run(request('slow'), () => Promise.reject(new Error('ran twice')))).toEqual({
        id: '1',
      });
    });

    it('gets its turn when the connection of the first one dies', async () => {
      const service = new IdempotencyService(database.dataSource);
      const [started, released] = [deferred<number>(), deferred<undefined>()];
      const first = service.run(request('crash'), async (manager) => {
        const [backend] = await manager.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
        started.resolve(backend!.pid);
        await released.promise;
        await manager.query('SELECT 1');
        return wrote({ id: '1' });
      });
      const outcome = first.then(
        () => 'answered',
        () => 'failed',
      );
      await database.dataSource.query('SELECT pg_terminate_backend($1, 5000)', [await started.promise]);
      released.resolve(undefined);

      expect(await outcome).toBe('failed');
      expect(await service.run(request('crash'), answerOnce)).toEqual({ id: '1' });
    });
  });
});
