import { Controller, Get, Param, type INestApplication } from '@nestjs/common';
import { Cached } from '../../src/cache/index.js';
import { startCachedApp } from '../support/cached-app.js';
import { freePort, pollUntil, startRedis, type RedisProcess } from '../support/processes.js';
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

let redis: RedisProcess;
let urls: string[];
const apps: INestApplication[] = [];

const invalidate = (words: readonly string[], env: Record<string, string> = {}) =>
  runCli('cache-invalidate.cli.js', words, { REDIS_URL: redis.url, CACHE_NAMESPACE: namespace, ...env });

const ask = async (url: string, path: string) =>
  (await fetch(`${url}/things/${path}`)).headers.get('x-cache');

/** What the first process and the second say of the same paths: the first one's answers anew are the second one's hits. */
const asked = async (...asked: readonly string[]) => {
  const answers: (string | null)[] = [];
  for (const path of asked) for (const url of urls) answers.push(await ask(url, path));
  return answers;
};

const hits = (count: number) => Array<string>(count).fill('HIT');

beforeAll(async () => {
  redis = await startRedis();
  const options = { redis: { url: redis.url }, namespace };
  for (let process = 0; process < 2; process++)
    apps.push((await startCachedApp({ controllers: [ThingsController], options })).app);
  urls = await Promise.all(apps.map((app) => app.getUrl()));
});

afterAll(async () => {
  for (const app of apps) await app.close();
  await redis.stop();
});

describe('npm run cache:invalidate', () => {
  beforeEach(async () => {
    await asked(...paths);
    await pollUntil(async () => (await asked(...paths)).every((answer) => answer === 'HIT'), 5000);
  });

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

    expect(await ask(urls[process] ?? '', '1')).toBe('MISS');
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

describe('npm run cache:invalidate, where it cannot', () => {
  it('says that Redis did not confirm it, and ends with 1', async () => {
    const REDIS_URL = `redis://127.0.0.1:${await freePort()}/0`;

    const { code, stdout, stderr } = await invalidate(['thing:1'], { REDIS_URL });

    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      'Not sure to have invalidated thing:1: Redis did not confirm it (disconnected). Repeat it.\n',
    );
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
