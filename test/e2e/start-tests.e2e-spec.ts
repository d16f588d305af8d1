import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDockerfile } from '../support/dockerfile.js';
import { pollUntil } from '../support/processes.js';

// The first of them may build the project.
jest.setTimeout(240_000);

let folder: string;
let temporary: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npm-test-'));
  await chmod(folder, 0o755);
  temporary = join(folder, 'tmp');
  await mkdir(temporary, { mode: 0o755 });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

interface Run {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

/** `npm test` on the test files of `folder` instead of the project's. */
function runTests(env: Record<string, string> = {}): Run {
  const config = JSON.stringify({ rootDir: folder, testMatch: ['**/*.test.js'], transform: {} });
  const child = spawn(process.execPath, ['scripts/test.mjs', '--config', config], {
    env: { ...process.env, TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text, ended: new Promise((settle) => child.once('close', settle)) };
}

function lastLine(run: Run): string | undefined {
  return run.output().trimEnd().split('\n').at(-1);
}

it('counts what passed and what failed, also files that do not run, a password shown, a right missing and processes left', async () => {
  const files = {
    pass: `it('a', () => {}); it('b', () => {});`,
    fail: `it('c', () => {}); it('d', () => { throw new Error('as it must'); });`,
    broken: `this is not a test`,
    // Written in two halves, as two chunks of output may cut it.
    shown: `it('e', () => { const text = process.env.TEST_CANARY; process.stderr.write(text.slice(0, 4)); process.stderr.write(text.slice(4) + '\\n'); });`,
    refused: `it('g', async () => {
      const { createClient } = require(require.resolve('redis', { paths: [process.cwd()] }));
      const client = await createClient({ url: process.env.TEST_REDIS_URL }).connect();
      await expect(client.keys('*')).rejects.toThrow(/NOPERM/);
      client.destroy();
    });`,
    redis: `it('h', () => {
      const options = ['--port', '0', '--unixsocket', 'left.sock', '--save', '', '--dir', require('os').tmpdir()];
      require('child_process').spawn(process.env.TEST_REDIS_SERVER, options, { detached: true, stdio: 'ignore' }).unref();
    });`,
    left: `it('f', () => { require('child_process').spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' }).unref(); });`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `${name}.test.js`), text);

  const run = runTests();

  expect(await run.ended).toBe(1);
  expect(lastLine(run)).toBe('Tests: 7 passed, 5 failed');
  const [, left] = /processes left behind: (.*)$/m.exec(run.output()) ?? [];
  expect(left).toContain('/bin/sleep 600');
  expect(left).toContain('redis-server');
  expect(run.output()).toContain('Redis did not allow: command keys');
  expect(await readdir(temporary)).toEqual([]);
});

it('passes when all tests pass, and brings the servers that they need', async () => {
  const names = ['TEST_DATABASE_URL', 'TEST_REDIS_URL', 'TEST_REDIS_SERVER', 'TEST_POSTGRES_BIN'];
  const text = names
    .map((name) => `it('${name}', () => expect(process.env.${name}).toMatch(/./));`)
    .join('\n');
  await writeFile(join(folder, 'servers.test.js'), text);

  const run = runTests();

  expect(await run.ended).toBe(0);
  expect(lastLine(run)).toBe('Tests: 4 passed, 0 failed');
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('leaves no process and no file behind after %s', async (signal, code) => {
  const forever = `it('waits', () => { require('fs').writeFileSync('${folder}/begun', String(process.pid)); return new Promise(() => {}); }, 100000);`;
  await writeFile(join(folder, 'forever.test.js'), forever);
  const run = runTests();
  await pollUntil(async () => (await readdir(folder)).includes('begun'), 180_000);
  const [name = 'none'] = await readdir(temporary);

  run.child.kill(signal);

  expect(await run.ended).toBe(code);
  expect(await readdir(temporary)).toEqual([]);
  expect(await processesWith(join(temporary, name))).toEqual([]);
});

it('says in one line what to install when there is no Redis', async () => {
  const run = runTests({ PATH: folder });

  expect(await run.ended).toBe(1);
  expect(run.output().trimEnd().split('\n').slice(-4)).toEqual([
    expect.stringMatching(/^The tests need redis-server 7 or newer: install it .* or start Docker\.$/),
    '',
    expect.stringMatching(/^Failed: /),
    'Tests: 0 passed, 1 failed',
  ]);
});

it('runs in a container when there is no Redis but a Docker', async () => {
  const docker = `#!/bin/sh\nif [ "$1" = info ]; then exit 0; fi\necho "docker $*"\necho "Tests: 7 passed, 0 failed"\n`;
  await writeFile(join(folder, 'docker'), docker, { mode: 0o755 });

  const run = runTests({ PATH: folder });

  expect(await run.ended).toBe(0);
  expect(run.output()).toContain(`docker run --rm --init -v ${process.cwd()}:/project`);
  // That of the service, to the last digit.
  const [base] = readDockerfile('docker/Dockerfile');
  expect(run.output()).toContain(` ${base?.image.replace('-slim', '')} npm test`);
  expect(lastLine(run)).toBe('Tests: 7 passed, 0 failed');
});

/** Ids of other processes that have this text in their arguments or, on Linux, environment or folder. */
async function processesWith(text: string): Promise<string[]> {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-axo', 'command='], { encoding: 'utf8' });
    return stdout.split('\n').filter((line) => line.includes(text));
  }
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const traits = (id: string): Promise<string[]> =>
    Promise.all([
      ...['cmdline', 'environ'].map((name) => readFile(`/proc/${id}/${name}`, 'utf8').catch(() => '')),
      readlink(`/proc/${id}/cwd`).catch(() => ''),
    ]);
  const matches = await Promise.all(
    ids.map(async (id) => (await traits(id)).some((trait) => trait.includes(text))),
  );
  return ids.filter((_, index) => matches[index]);
}
