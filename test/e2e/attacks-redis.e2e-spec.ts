import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, RESP_TYPES } from 'redis';
import { CacheService } from '../../src/cache/index.js';
import { DatabasePing } from '../../src/database/database-ping.js';
import { type AttackedApp, startAttackedApp } from '../support/attacked-app.js';
import { ask } from '../support/ask-redis.js';
import type { Answer } from '../support/openapi.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { connectAdmin } from '../support/redis-admin.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';

jest.setTimeout(120_000);

const password = 's3cr3t-CANARY';
const user = 'app';

const text = readFileSync(join(process.cwd(), 'docs/REDIS_INTEGRATION.md'), 'utf8');

/** The words of the user that docs/REDIS_INTEGRATION.md recommends, as a shell reads what is pasted from there. */
function documentedUser(): string[] {
  const [, command] = /```bash\n(redis-cli ACL SETUSER app [^`]+)```/.exec(text) ?? [];
  if (command === undefined) throw new Error('docs/REDIS_INTEGRATION.md recommends no user');
  const pasted = `redis-cli() { printf '%s\\n' "$@"; }\n${command.replace('PASSWORD', password)}`;
  return execFileSync('bash', ['-c', pasted], { encoding: 'utf8' }).trim().split('\n');
}

let redis: RedisProcess;
let appUrl: string;
let target: AttackedApp;
/** Holds nothing itself: what is in Redis is what it answers with. */
let forgetful: TestApp;

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
  forgetful = await startTestApp({ env: { ...target.env, CACHE_L1_MAX_BYTES: '0' } });
  // It gives the database half a second, in which the tests may keep this process busy.
  jest.spyOn(forgetful.app.get(DatabasePing), 'isAnswering').mockResolvedValue(true);
});

afterAll(async () => {
  await forgetful.close();
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

  it('A32: is the same in a file of users as it is in a shell', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'users-'));
    const file = join(folder, 'users.acl');
    const [line = ''] = /^user app on >PASSWORD .*$/m.exec(text) ?? [];
    await writeFile(file, `${line.replace('PASSWORD', password)}\n`);
    const other = await startRedis({ rights: 'all', args: ['--aclfile', file] });

    const [inFile, inShell] = await Promise.all([other, redis].map(rightsOf));

    expect(inFile).toContain('~lease:*');
    expect(inFile).toEqual(inShell);
    await other.stop();
    await rm(folder, { recursive: true });
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

/** Password and all, as the server understood them; it lists commands in any order. */
async function rightsOf(server: RedisProcess): Promise<string[] | undefined> {
  const client = await createClient({ url: server.adminUrl }).connect();
  const users = await client.aclList();
  client.destroy();
  return users
    .find((line) => line.startsWith(`user ${user} `))
    ?.split(' ')
    .sort();
}

/** An entry as it lies in Redis. */
interface Stored {
  readonly header: { readonly shape: string; head: Record<string, string> } & Record<string, unknown>;
  body: string;
}

const ofMethod = ({ header }: Stored) => header.shape.startsWith('value-');

it.each<[string, (entry: Stored) => Partial<Stored>]>([
  ['is no JSON any more', (entry) => (ofMethod(entry) ? { body: '{"' } : {})],
  ['is of a form that nobody knows', (entry) => (ofMethod(entry) ? { body: '{"$class":"Person"}' } : {})],
  ['holds a number that is none', (entry) => (ofMethod(entry) ? { body: '{"$bigint":"x"}' } : {})],
  [
    'brings a prototype with it',
    (entry) => {
      const isObject = ofMethod(entry) && entry.body.startsWith('{"');
      return isObject ? { body: entry.body.replace('{', '{"__proto__":{"is_admin":true},') } : {};
    },
  ],
  ['ends the line of a header', ({ header }) => withHead(header, { etag: '"x"\r\nset-cookie: evil=1' })],
  [
    'sets a cookie',
    ({ header }) => withHead(header, { 'set-cookie': 'evil=1', 'x-evil': '1', authorization: 'evil' }),
  ],
])('A14: a cached value that %s is a miss, or does no harm', async (_, poisoned) => {
  const paths = target.operations
    .filter(({ method }) => method === 'GET')
    .map((operation) => target.pathOf(operation));
  const bearer = `Bearer ${target.tokenOf('root')}`;
  const askAll = async () => {
    const answers = [];
    for (const path of paths) {
      answers.push([path, await forgetful.request.get(path).set('authorization', bearer)] as const);
    }
    await forgetful.app.get(CacheService).settle();
    return answers;
  };
  const plain = new Map((await askAll()).map(([path, answer]) => [path, told(answer)]));
  const rewritten = await rewrite(poisoned);

  const answers = await askAll();

  expect(rewritten).toBeGreaterThan(0);
  for (const [path, answer] of answers) {
    expect([path, told(answer)]).toEqual([path, plain.get(path)]);
    expect(JSON.stringify(answer.headers)).not.toContain('evil');
    // What a body brings must not be handed on either, whatever else it says.
    expect(answer.text).not.toMatch(/__proto__|is_admin/);
  }
  expect(({} as { is_admin?: unknown }).is_admin).toBeUndefined();
});

function withHead(header: Stored['header'], more: Record<string, string>): Partial<Stored> {
  return { header: { ...header, head: { ...header.head, ...more } } };
}

/** @returns how many entries are others now */
async function rewrite(poisoned: (entry: Stored) => Partial<Stored>): Promise<number> {
  const admin = await connectAdmin(redis);
  const binary = admin.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  let rewritten = 0;
  for (const key of await admin.keys('cache:*')) {
    const bytes = await binary.get(key);
    if (!bytes) continue;
    const start = 8 + bytes.readUInt32BE(4);
    const entry = {
      header: JSON.parse(bytes.toString('utf8', 8, start)),
      body: bytes.toString('utf8', start),
    };
    const change = poisoned(entry);
    if (Object.keys(change).length === 0) continue;
    const { header, body } = { ...entry, ...change };
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    await admin.set(key, Buffer.concat([Buffer.from('ANC2'), length, text, Buffer.from(body)]), {
      expiration: 'KEEPTTL',
    });
    rewritten += 1;
  }
  admin.destroy();
  return rewritten;
}

/** What an answer says, but for moments and counters. */
function told({ status, text = '' }: Answer): string {
  return [status, ...new Set(text.match(/\b(STU|TEACH|ADMIN|PROG-|SES-)[\w-]+/g))].sort().join(' ');
}
