import { connect } from 'node:net';
import { generateKeyPair, SignJWT } from 'jose';
import { mintToken } from '../../src/access/mint-token.js';
import { CacheService } from '../../src/cache/index.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { freePort, pollUntil } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { peopleOfTwoCourses } from '../support/two-courses.js';

const secret = 'a-secret-of-this-test-and-nothing-else';
const path = '/api/v3/courses/PROG-101';

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  await peopleOfTwoCourses(database.dataSource);
  await database.dataSource.query(`
    INSERT INTO users (code, role)
    SELECT code, 'teacher' FROM unnest(ARRAY['DELETED', 'INACTIVE', 'DEGRADED', 'REMOVED']) AS code;
    INSERT INTO enrollments (user_id, course_id, role)
    SELECT u.id, c.id, 'teacher' FROM users u, courses c
    WHERE u.code IN ('DELETED', 'INACTIVE', 'DEGRADED', 'REMOVED') AND c.code = 'PROG-101'`);
  app = await startTestApp({ env: { DATABASE_URL: database.url, AUTH_JWT_SECRET: secret } });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

function token(role: string, sub: string): Promise<string> {
  return mintToken(readEnvironment({ AUTH_JWT_SECRET: secret }), { role, sub, ttl: '1h' });
}

async function statusFor(bearer: string): Promise<number> {
  const response = await app.request.get(path).set('authorization', `Bearer ${bearer}`);
  return response.status;
}

describe('a request', () => {
  it('without a token is told that it needs one', async () => {
    const response = await app.request.get(path).expect(401);

    expect(response.headers).toMatchObject({
      'www-authenticate': 'Bearer',
      'content-type': expect.stringContaining('application/problem+json'),
      'cache-control': 'no-store',
    });
    expect(response.body).toMatchObject({ code: 'unauthorized', status: 401 });
  });

  it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Basic dXNlcjpwYXNz', 'bearer x.y.z', 'Bearer null'])(
    'with "authorization: %s" is answered like one with a forged token',
    async (authorization) => {
      const forged = await app.request.get(path).set('authorization', 'Bearer a.b.c').expect(401);

      const response = await app.request.get(path).set('authorization', authorization).expect(401);

      expect(response.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
      expect({ ...response.body, request_id: '' }).toEqual({ ...forged.body, request_id: '' });
    },
  );

  it('with HEAD is asked for a token as with GET', async () => {
    await app.request.head(path).expect(401);
    await app.request
      .head(path)
      .set('authorization', `Bearer ${await token('admin', 'ADMIN001')}`)
      .expect(200);
  });

  it('A18: with a token of 100 kB is refused before anything reads it', async () => {
    const answer = await new Promise<string>((settle, reject) => {
      const { hostname, port } = new URL(app.url);
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => {
        settle(text);
      });
      socket.on('error', reject);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${'a'.repeat(100_000)}\r\n\r\n`);
    });

    expect(answer).toMatch(/^HTTP\/1\.1 (431|401) /);
  });
});

describe('a valid token', () => {
  it('A4: is worth nothing once its user is deleted through the API, at once', async () => {
    const student = await token('student', 'STU004');
    expect(await statusFor(student)).toBe(200);

    await app.request
      .delete('/api/v3/users/STU004')
      .set('authorization', `Bearer ${await token('admin', 'ADMIN001')}`)
      .expect(204);

    expect(await statusFor(student)).toBe(401);
  });

  it.each([
    ['deleted', 'teacher', 'DELETED', `UPDATE users SET deleted_at = now() WHERE code = 'DELETED'`, 401],
    ['deactivated', 'teacher', 'INACTIVE', `UPDATE users SET is_active = false WHERE code = 'INACTIVE'`, 401],
    [
      'degraded to a student',
      'teacher',
      'DEGRADED',
      `UPDATE users SET role = 'student' WHERE code = 'DEGRADED'`,
      401,
    ],
    [
      'taken from the course',
      'teacher',
      'REMOVED',
      `UPDATE enrollments SET status = 'dropped' FROM users u WHERE u.id = user_id AND u.code = 'REMOVED'`,
      404,
    ],
    [
      'added as a student',
      'admin',
      'ADDED',
      `INSERT INTO users (code, role) VALUES ('ADDED', 'student')`,
      401,
    ],
  ])(
    'A4, T2: is worth nothing within a second once its owner is %s behind our back',
    async (_, role, sub, sql, status) => {
      const bearer = await token(role, sub);
      expect(await statusFor(bearer)).toBe(200);

      await database.dataSource.query(sql);
      const changedAt = performance.now();

      let lastTakenMs = 0;
      await pollUntil(async () => {
        const askedMs = performance.now() - changedAt;
        if ((await statusFor(bearer)) === status) return true;
        lastTakenMs = askedMs;
        return false;
      }, 20_000);
      figure('T2', `${sub}: last taken when asked after, ms`, lastTakenMs, { atMost: 1000 });
    },
  );

  it('of a user who was inactive from the start is refused', async () => {
    expect(await statusFor(await token('student', 'STU007'))).toBe(401);
  });

  it('A17: does not make a student an administrator', async () => {
    expect(await statusFor(await token('admin', 'STU001'))).toBe(401);
  });

  it('of an administrator whom only the identity provider knows is accepted', async () => {
    expect(await statusFor(await token('admin', 'someone@example.org'))).toBe(200);
  });

  it('of such a one costs the database a look a second, and is worth nothing as soon as a student is called so', async () => {
    const administrator = await token('admin', 'IDP001');
    const misses = () => app.app.get(CacheService).stats().prefixes.get('rights_caller')?.misses ?? 0;
    const before = misses();
    const sinceMs = performance.now();
    for (let n = 0; n < 20; n++) expect(await statusFor(administrator)).toBe(200);
    expect(misses() - before).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - sinceMs) / 500));

    await app.request
      .post('/api/v3/users')
      .set('authorization', `Bearer ${administrator}`)
      .send({ user_id: 'IDP001', role: 'student' })
      .expect(201);

    expect(await statusFor(administrator)).toBe(401);
  });
});

describe('what is not the caller’s', () => {
  it('A16: is answered exactly like what does not exist', async () => {
    const bearer = `Bearer ${await token('student', 'STU001')}`;
    const answers = [];
    for (const course of ['PROG-102', 'NO-SUCH']) {
      const { body } = await app.request
        .get(`/api/v3/courses/${course}`)
        .set('authorization', bearer)
        .expect(404);
      answers.push({ ...body, request_id: '', instance: '' });
    }

    expect(answers[0]).toEqual(answers[1]);
  });
});

describe('what is new', () => {
  it('belongs to nobody yet, so its id does not stop who may create it', async () => {
    const activity = { activity_id: 'PROG-101-NEW', title: 'Loops', kind: 'exercise' };
    const create = async (teacher: string) =>
      app.request
        .post('/api/v3/courses/PROG-101/activities')
        .set('authorization', `Bearer ${await token('teacher', teacher)}`)
        .send(activity);

    expect((await create('TEACH002')).status).toBe(404);
    expect((await create('TEACH001')).status).toBe(201);

    await app.request
      .post('/api/v3/sessions')
      .set('authorization', `Bearer ${await token('student', 'STU001')}`)
      .send({ session_id: 'SES-NEW', student_id: 'STU001', course_id: 'PROG-101' })
      .expect(201);
  });
});

describe('while the identity provider is away', () => {
  it('a token is neither accepted nor refused, and what is open stays open', async () => {
    const keyless = await startTestApp({
      env: {
        DATABASE_URL: database.url,
        AUTH_JWKS_URL: `http://127.0.0.1:${await freePort()}/jwks.json`,
        AUTH_ISSUER: 'https://login.example.org/',
        AUTH_AUDIENCE: 'ai-native-backend',
      },
    });
    const { privateKey } = await generateKeyPair('ES256');
    const signed = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(privateKey);

    const { body } = await keyless.request.get(path).set('authorization', `Bearer ${signed}`).expect(503);
    expect(body).toMatchObject({ code: 'credentials_unverifiable' });
    await keyless.request.get(path).expect(401);
    await keyless.request.get('/health/live').expect(200);

    await keyless.close();
  });
});

describe('without AUTH_JWT_SECRET and AUTH_JWKS_URL', () => {
  it('everybody may do everything, whatever token they show', async () => {
    const open = await startTestApp({ env: { DATABASE_URL: database.url } });

    await open.request.get(path).expect(200);
    await open.request.get(path).set('authorization', 'Bearer nonsense').expect(200);
    await open.request.get('/api/v3/system/info').expect(200);

    await open.close();
  });

  it('the log warns of it, once', async () => {
    const lines: string[] = [];
    const write = jest
      .spyOn(process.stdout, 'write')
      .mockImplementation((line) => lines.push(String(line)) > 0);

    const open = await startTestApp({ env: { DATABASE_URL: database.url, LOG_LEVEL: 'warn' } });
    await open.request.get(path).expect(200);
    await open.close();

    write.mockRestore();
    expect(lines.filter((line) => /WARNING.*Access is open/.test(line))).toHaveLength(1);
  });

  it('production refuses to start', async () => {
    const start = startTestApp({ env: { DATABASE_URL: database.url, NODE_ENV: 'production' } });

    await expect(start).rejects.toThrow(/AUTH_JWT_SECRET/);
  });
});
