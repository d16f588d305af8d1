import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installForeignApp, type ForeignApp } from '../support/foreign-app.js';
import {
  pollUntil,
  spawnApp,
  startRedis,
  waitFor200,
  type AppProcess,
  type RedisProcess,
} from '../support/processes.js';

jest.setTimeout(300_000);

let foreign: ForeignApp;
let redis: RedisProcess;

beforeAll(async () => {
  [foreign, redis] = await Promise.all([installForeignApp(), startRedis()]);
});

afterAll(async () => {
  await redis.stop();
  await foreign.remove();
});

it('is packed with its declarations and documents, and with nothing of the service', () => {
  const beside = foreign.packed.filter((path) => !/^dist\/cache\/.*\.(js|d\.ts)$|^docs\/.*\.md$/.test(path));

  expect(beside.sort()).toEqual(['README.md', 'package.json']);
  expect(foreign.packed).toContain('docs/caching.md');
  expect(foreign.packed.filter((path) => path.includes('.spec.'))).toEqual([]);
});

it('names no source maps, for they are not in it', async () => {
  const naming: string[] = [];
  for (const path of foreign.packed.filter((name) => name.endsWith('.js'))) {
    const packed = join(foreign.folder, 'node_modules', 'ai-native-backend', path);
    if ((await readFile(packed, 'utf8')).includes('sourceMappingURL')) naming.push(path);
  }

  expect(naming).toEqual([]);
});

it('brings redis along, and leaves Nest to the application, for two copies would not know each other’s decorators', async () => {
  const path = join(foreign.folder, 'node_modules', 'ai-native-backend');
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    await readFile(join(path, 'package.json'), 'utf8'),
  ) as Record<string, object>;
  // Nest itself wants the first.
  const named = new Set(['reflect-metadata']);
  for (const file of foreign.packed.filter((name) => /\.(js|d\.ts)$/.test(name))) {
    const source = await readFile(join(path, file), 'utf8');
    for (const [, name] of source.matchAll(/ from '(?!node:)((?:@[\w-]+\/)?[\w-]+)/g)) named.add(name!);
  }

  expect(dependencies).toEqual({ redis: expect.any(String) });
  expect(peerDependenciesMeta).toEqual({ typeorm: { optional: true } });
  expect([...named].sort()).toEqual(Object.keys({ ...dependencies, ...peerDependencies }).sort());
});

it('needs neither TypeORM, PostgreSQL nor Fastify', () => {
  const there = (name: string) => existsSync(join(foreign.folder, 'node_modules', name));

  expect(['redis', '@nestjs/core', 'express'].filter(there)).toHaveLength(3);
  expect(['typeorm', 'pg', 'fastify', '@nestjs/typeorm', '@nestjs/platform-fastify'].filter(there)).toEqual(
    [],
  );
});

it('brings a test kit that needs no test runner of ours', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=tap', 'dist/books.test.js', 'dist/instances.test.js'],
    {
      cwd: foreign.folder,
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    },
  );

  expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('# pass 5')]);
});

describe.each(['memory', 'Redis'])(
  'an application of somebody else, on Express, with its cache in %s',
  (store) => {
    let app: AppProcess;

    async function get(path: string): Promise<{ cache: string | null; body: unknown }> {
      const answer = await fetch(app.url + path);
      return { cache: answer.headers.get('x-cache'), body: await answer.json() };
    }

    async function put(path: string, body: object = {}): Promise<void> {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(app.url + path, { method: 'PUT', headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
    }

    beforeAll(async () => {
      app = await spawnApp({
        main: join(foreign.folder, 'dist', 'main.js'),
        cwd: foreign.folder,
        env: store === 'Redis' ? { REDIS_URL: redis.url } : {},
      });
      await waitFor200(app, '/books/0/looked-up', 30_000);
      await put('/books/0', { title: 'zero' });
      await pollUntil(async () => (await get('/books/0')).cache === 'HIT', 10_000);
    });

    afterAll(() => app.stop());

    it('answers from the cache until a write invalidates, on a route', async () => {
      const path = '/books/1';
      await put(path, { title: 'old' });

      expect(await get(path)).toEqual({ cache: 'MISS', body: { title: 'old' } });
      await pollUntil(async () => (await get(path)).cache === 'HIT', 5000);
      await put(path, { title: 'new' });

      expect(await get(path)).toEqual({ cache: 'MISS', body: { title: 'new' } });
      await pollUntil(async () => (await get(path)).cache === 'HIT', 5000);
      expect(await get(path)).toEqual({ cache: 'HIT', body: { title: 'new' } });
    });

    it("answers from the cache until a write invalidates, on a provider's method", async () => {
      const looks = async () => (await get('/books/2/looked-up')).body as { title: string; looks: number };
      const isKept = async () => (await looks()).looks === (await looks()).looks;
      await put('/books/2/title/old');

      expect(await looks()).toMatchObject({ title: 'old' });
      await pollUntil(isKept, 5000);
      await put('/books/2/title/new');

      expect(await looks()).toMatchObject({ title: 'new' });
      await pollUntil(isKept, 5000);
    });
  },
);
