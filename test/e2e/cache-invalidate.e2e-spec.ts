import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Controller, Get, Param } from '@nestjs/common';
import { Cached, type RedisOptions } from '../../src/cache/index.js';
import { startCachedApp } from '../support/cached-app.js';
import { outcomesOfService, servedWell } from '../support/outcomes-of-service.js';
import { freePort, pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
import { startRedisCluster, type RedisClusterProcesses } from '../support/redis-cluster.js';
import { runCli } from '../support/run-cli.js';

jest.setTimeout(120_000);

@Controller('things')
class ThingsController {
  @Get(':id')
  @Cached({ ttl: 60, prefix: 'thing', tags: ['thing:{id}'] })
  get(@Param('id') id: string) {
    return { id };
  }

  @Get('bounded/:id')
  @Cached({ ttl: 60, prefix: 'bounded_thing', consistency: 'bounded', tags: ['thing:{id}'] })
  getBounded(@Param('id') id: string) {
    return { id };
  }
}

const namespace = 'ours:';
const paths = ['1', '2', 'bounded/1', 'bounded/2'];

interface TwoProcesses {
  readonly urls: readonly string[];
  close(): Promise<void>;
}

let redis: RedisProcess;
let two: TwoProcesses;

const invalidate = (words: readonly string[], env: Record<string, string> = {}) =>
  runCli('command/cache-invalidate.cli.js', words, {
    REDIS_URL: redis.url,
    CACHE_NAMESPACE: namespace,
    ...env,
  });

const ask = async (url: string, path: string) =>
  (await fetch(`${url}/things/${path}`)).headers.get('x-cache');

/** What the first process and the second say of the same paths: the first one's answers anew are the second one's hits. */
const asked = async (...paths: readonly string[]) => {
  const answers: (string | null)[] = [];
  for (const path of paths) for (const url of two.urls) answers.push(await ask(url, path));
  return answers;
};

const hits = (count: number) => Array<string>(count).fill('HIT');

async function startTwo(options: RedisOptions): Promise<TwoProcesses> {
  // A busy machine shall not look like a slow Redis.
  const module = { redis: { ...options, commandTimeoutMs: 1000 }, namespace };
  const start = () => startCachedApp({ controllers: [ThingsController], options: module });
  const apps = [(await start()).app, (await start()).app];
  return {
    urls: await Promise.all(apps.map((app) => app.getUrl())),
    close: async () => {
      for (const app of apps) await app.close();
    },
  };
}

async function everythingKept(): Promise<void> {
  await asked(...paths);
  await pollUntil(async () => (await asked(...paths)).every((answer) => answer === 'HIT'), 5000);
}

beforeAll(async () => {
  redis = await startRedis();
  two = await startTwo({ url: redis.url });
});

afterAll(async () => {
  await two.close();
  await redis.stop();
});

describe('npm run cache:invalidate', () => {
  beforeEach(everythingKept);

  it.each([
    ['a tag', ['thing:1'], ['1', 'bounded/1'], ['2', 'bounded/2']],
    ['a part of a prefix', ['thing:1:*'], ['1'], ['2', 'bounded/1', 'bounded/2']],
    ['a whole prefix', ['thing:*'], ['1', '2'], ['bounded/1', 'bounded/2']],
    ['several', ['thing:2:*', 'bounded_thing:1:*'], ['2', 'bounded/1'], ['1', 'bounded/2']],
    ['everything', ['--everything'], paths, []],
  ])('takes %s away from every process, and leaves the rest', async (_, words, gone, kept) => {
    const { code, stdout, stderr } = await invalidate(words);

    const what = words.join(', ').replace('--', '');
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `Invalidated ${what}: Redis confirmed it.\n`,
      stderr: '',
    });
    expect(await asked(...kept)).toEqual(hits(2 * kept.length));
    // Whoever asks first computes it; the other finds that, and nothing of before.
    for (const path of gone) expect([path, ...(await asked(path))]).toEqual([path, 'MISS', 'HIT']);
  });

  it.each([0, 1])('reaches what process %i itself holds', async (process) => {
    await invalidate(['thing:1']);

    expect(await ask(two.urls[process] ?? '', '1')).toBe('MISS');
  });

  it('leaves what others keep in the same Redis under another namespace', async () => {
    expect(await invalidate(['--everything'], { CACHE_NAMESPACE: 'theirs:' })).toMatchObject({ code: 0 });

    expect(await asked(...paths)).toEqual(hits(2 * paths.length));
  });

  it.each([
    ['*', /^invalidate: '\*' begins no tag \(course:PROG-101\) and no prefix pattern/],
    ['th*ng:1', /^invalidate: 'th\*ng' begins no tag/],
    ['--all', /^Unknown option '--all'[^]*npm run -s cache:invalidate/],
  ])('refuses %j with a clear line, and does not do the rest either', async (word, line) => {
    const { code, stdout, stderr } = await invalidate(['thing:1', word]);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(line);
    expect(await asked(...paths)).toEqual(hits(2 * paths.length));
  });
});

describe('on a cluster', () => {
  let cluster: RedisClusterProcesses;

  beforeAll(async () => {
    cluster = await startRedisCluster();
  });

  afterAll(() => cluster.stop());

  it('npm run cache:invalidate takes tags and prefixes of every master away from every process', async () => {
    const single = two;
    two = await startTwo({ clusterNodes: [...cluster.nodes] });
    try {
      await everythingKept();
      const env = { REDIS_URL: '', REDIS_CLUSTER_NODES: cluster.nodes.join(',') };

      expect(await invalidate(['thing:1', 'thing:2:*'], env)).toMatchObject({ code: 0, stderr: '' });

      expect(await asked('bounded/2')).toEqual(hits(2));
      for (const path of ['1', '2', 'bounded/1'])
        expect([path, ...(await asked(path))]).toEqual([path, 'MISS', 'HIT']);
    } finally {
      await two.close();
      two = single;
    }
  });

  it('the built service that REDIS_CLUSTER_NODES tells of it keeps, finds and invalidates', async () => {
    expect(await outcomesOfService({ REDIS_CLUSTER_NODES: cluster.nodes.join(',') })).toEqual(servedWell);
  });
});

it('npm run cache:invalidate needs nothing in production that it does not use', async () => {
  expect(await invalidate(['thing:1'], { NODE_ENV: 'production' })).toMatchObject({ code: 0, stderr: '' });
});

describe('npm run cache:invalidate, where Redis is away', () => {
  it('goes through when it comes back meanwhile', async () => {
    // Sends the command away until it has asked once.
    const away = createServer((socket) => socket.destroy());
    await once(away.listen(0, '127.0.0.1'), 'listening');
    const { port } = away.address() as AddressInfo;
    const ended = invalidate(['thing:1'], { REDIS_URL: `redis://127.0.0.1:${port}/0` });
    await once(away, 'connection');
    await new Promise((settle) => away.close(settle));
    const back = await startRedis({ port });
    try {
      expect(await ended).toMatchObject({ code: 0, stderr: '' });
    } finally {
      await back.stop();
    }
  });
});

describe('npm run cache:invalidate, where it cannot', () => {
  it('says that Redis did not confirm it, and why, and ends with 1', async () => {
    const port = await freePort();
    const reasons = [
      ['ECONNREFUSED', { port: String(port) }],
      ['WRONGPASS', { username: 'a', password: 'b' }],
      // It speaks no TLS.
      ['(?:timeout|ConnectionTimeoutError)', { protocol: 'rediss:' }],
    ] as const;

    // Each asks for five seconds.
    const ends = await Promise.all(
      reasons.map(([, change]) =>
        invalidate(['thing:1'], { REDIS_URL: Object.assign(new URL(redis.url), change).href }),
      ),
    );

    for (const [n, { code, stdout, stderr }] of ends.entries()) {
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(
        new RegExp(
          `^Not sure to have invalidated thing:1: Redis did not confirm it \\(${reasons[n]?.[0]}\\)\\. Repeat it when it can\\.\n$`,
        ),
      );
    }
  });

  it.each([
    ['there is no Redis in the settings', { REDIS_URL: '' }, /^The settings name no Redis/],
    ['a setting is wrong', { PORT: 'x' }, /PORT/],
  ])('ends with 2 where %s', async (_, env, line) => {
    const { code, stdout, stderr } = await invalidate(['thing:1'], env);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(line);
  });

  it('--help is no failure', async () => {
    const { code, stdout } = await invalidate(['--help']);

    expect(code).toBe(0);
    expect(stdout).toContain('--everything');
  });
});
