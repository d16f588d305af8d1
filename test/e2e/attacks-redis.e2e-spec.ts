import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from 'redis';
import { type AttackedApp, startAttackedApp } from '../support/attacked-app.js';
import { ask } from '../support/ask-redis.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';

jest.setTimeout(120_000);

const password = 's3cr3t-CANARY';
const user = 'app';

/** The words of the user that docs/REDIS_INTEGRATION.md recommends, as they stand there. */
function documentedUser(): string[] {
  const text = readFileSync(join(process.cwd(), 'docs/REDIS_INTEGRATION.md'), 'utf8');
  const [, command] = /```\n(ACL SETUSER app [^`]+)```/.exec(text) ?? [];
  if (command === undefined) throw new Error('docs/REDIS_INTEGRATION.md recommends no user');
  const words = command.replaceAll('\\\n', ' ').trim().split(/\s+/);
  return words.map((word) => (word === '>PASSWORD' ? `>${password}` : word));
}

let redis: RedisProcess;
let appUrl: string;
let target: AttackedApp;

beforeAll(async () => {
  redis = await startRedis();
  await ask(redis, documentedUser());
  appUrl = `redis://${user}:${password}@127.0.0.1:${redis.port}`;
  // Everything that is cached and invalidated goes through this user; a busy machine must not look like a slow Redis.
  target = await startAttackedApp({
    REDIS_URL: appUrl,
    CACHE_NAMESPACE: '',
    REDIS_COMMAND_TIMEOUT_MS: '1000',
  });
  await pollUntil(
    async () => (await target.ask({ method: 'POST', path: '/api/v3/system/redis/test' })).status === 200,
    5000,
  );
});

afterAll(async () => {
  await target.close();
  await redis.stop();
});

describe('A32: the documented user of Redis', () => {
  it('A32: suffices for hits, invalidations, figures and the backplane', async () => {
    const path = '/api/v3/analytics/courses/PROG-101';
    const cacheOf = async () => (await target.ask({ path })).headers['x-cache'];
    expect(await cacheOf()).toBe('MISS');
    expect(await cacheOf()).toBe('HIT');
    await target.ask({
      method: 'PATCH',
      path: '/api/v3/courses/PROG-101',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"Another"}',
    });
    expect(await cacheOf()).toBe('MISS');
    const { body } = await target.ask({ path: '/api/v3/system/redis/stats' });
    expect(body).toMatchObject({ status: 'success', redis_stats: { connected: true } });
    expect((await target.ask({ path: '/health' })).body).toMatchObject({ status: 'healthy' });
  });

  it('A32: suffices for every route: nothing that it was refused is in the log of the ACL', async () => {
    for (const operation of target.operations.filter(({ method }) => method === 'GET')) {
      const path = target.pathOf(operation);
      await target.ask({ path });
      await target.ask({ path });
    }
    const client = await createClient({ url: redis.adminUrl }).connect();
    const refused = await client.aclLog();
    client.destroy();
    // The client names its library, and goes on when it is refused.
    const needed = refused.filter(({ object }) => !/^client/i.test(object));
    expect(needed.map(({ reason, object }) => `${reason} ${object}`)).toEqual([]);
  });

  it.each([
    ['FLUSHALL'],
    ['FLUSHDB'],
    ['CONFIG', 'GET', '*'],
    ['CONFIG', 'SET', 'maxmemory', '1'],
    ['KEYS', '*'],
    ['DEBUG', 'SLEEP', '0'],
    ['SHUTDOWN'],
    ['REPLICAOF', 'NO', 'ONE'],
    ['ACL', 'LIST'],
    ['MONITOR'],
    ['SAVE'],
    ['CLIENT', 'LIST'],
    ['SCRIPT', 'FLUSH'],
    ['EVAL', "return redis.call('flushall')", '0'],
    ['EVAL', "return redis.call('get', 'other:1')", '0'],
    ['MODULE', 'LIST'],
    ['SET', 'other:1', 'x'],
    ['GET', 'other:1'],
    ['DEL', 'sessions:1'],
    ['PUBLISH', 'other', 'x'],
  ])('A32: may not %s %s', async (...command) => {
    await expect(ask({ url: appUrl }, command)).rejects.toThrow(
      /NOPERM|no permissions|can't access|can't run|not allowed/i,
    );
  });
});
