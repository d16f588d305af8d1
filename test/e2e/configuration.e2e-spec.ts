import { Client } from 'pg';
import { createTestDatabase } from '../support/postgres.js';
import { freePort, spawnApp, waitFor200 } from '../support/processes.js';

jest.setTimeout(120_000);
const canary = 'canary-7f3a-0123456789-0123456789-0123';

describe('settings', () => {
  it('that are wrong end the start with one list of all of them, exit code 1, and no secret in it', async () => {
    const app = await spawnApp({
      env: {
        NODE_ENV: 'production',
        LOG_LEVEL: 'loud',
        REDIS_SOCKET_TIMEOUT: 'soon',
        DATABASE_URL: `mysql://app:${canary}@localhost/x`,
        REDIS_URL: `redis://:${canary}@localhost`,
        REDIS_PASSWORD: `${canary}-other`,
      },
    });

    expect(await app.ended).toBe(1);
    const lines = app.output().trim().split('\n');
    expect(lines[0]).toBe('The configuration is not valid:');
    expect(
      lines
        .slice(1, -1)
        .map((line) => line.trim().split(' ')[0])
        .sort(),
    ).toEqual(['AUTH_JWKS_URL', 'DATABASE_URL', 'LOG_LEVEL', 'REDIS_PASSWORD', 'REDIS_SOCKET_TIMEOUT']);
    for (const line of lines.slice(1, -1)) expect(line).toContain('for example');
    expect(lines.at(-1)).toContain('.env.example');
    expect(app.output()).not.toContain('canary');
  });

  it('that are secret appear in no line and no answer, also when the servers refuse them', async () => {
    const database = await createTestDatabase();
    const role = `role_${process.pid}`;
    const admin = new Client({ connectionString: database.url });
    await admin.connect();
    await admin.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${canary}'`);
    const url = new URL(database.url);
    url.username = role;
    url.password = canary;
    const redisUrl = `redis://:${canary}@127.0.0.1:${await freePort()}/0`;
    const app = await spawnApp({
      env: {
        DATABASE_URL: url.href,
        REDIS_URL: redisUrl,
        AUTH_JWT_SECRET: canary,
        LOG_LEVEL: 'debug',
        LOG_FORMAT: 'json',
      },
    });
    await waitFor200(app, '/health/startup', 60_000);

    let answers = '';
    for (const path of ['/', '/health', '/api/v3/users', '/api/v3/openapi.json', '/api/v3/system/info']) {
      const answer = await fetch(app.url + path, { headers: { authorization: `Bearer ${canary}` } });
      answers += JSON.stringify([...answer.headers]) + (await answer.text());
    }
    await app.stop();

    expect(app.output()).toContain('redis://***@127.0.0.1');
    expect(app.output() + answers).not.toContain('canary');
    for (const line of app.output().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
    await admin.query(`DROP ROLE ${role}`);
    await admin.end();
    await database.drop();
  });
});
