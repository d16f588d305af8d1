import { spawnSync, type StdioOptions } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';

jest.setTimeout(120_000);

const AUTH_JWT_SECRET = 's3cr3t-CANARY-of-32-bytes-or-more';

/** Each command line of the service, with words for which it needs no database and no Redis. */
const commands: [string, string[]][] = [
  ['command/cache-doctor.cli.js', ['--help']],
  ['command/cache-invalidate.cli.js', ['--help']],
  ['access/token.cli.js', ['--role', 'admin', '--sub', 'ADMIN001']],
  ['datasets/seed-data.cli.js', ['--preset', 'seed-doc', '--sha256']],
  ['datasets/import-oulad.cli.js', ['--help']],
  ['command/openapi.cli.js', []],
];

function codeOf(script: string, words: readonly string[], stdio: StdioOptions): number | null {
  const env = { PATH: process.env.PATH ?? '', NODE_ENV: 'test', AUTH_JWT_SECRET };
  return spawnSync(process.execPath, [`dist/bundle/${script}`, ...words], { env, stdio }).status;
}

const full = '/dev/full';

it('the bundle is the same service as what it is made of', () => {
  const describe = (script: string) =>
    spawnSync(process.execPath, [script], { encoding: 'utf8', env: { PATH: process.env.PATH ?? '' } }).stdout;

  const description = describe('dist/bundle/command/openapi.cli.js');
  expect(Object.keys((JSON.parse(description) as { paths: object }).paths).length).toBeGreaterThan(0);
  expect(describe('dist/command/openapi.cli.js')).toBe(description);
});

(existsSync(full) ? describe : describe.skip)('a command that nobody gets the text of', () => {
  let disk: number;
  beforeAll(() => (disk = openSync(full, 'w')));
  afterAll(() => {
    closeSync(disk);
  });

  it.each(commands)('%s %j ends with 1, where it would have ended with 0', (script, words) => {
    expect(codeOf(script, words, ['ignore', disk, 'ignore'])).toBe(1);
    expect(codeOf(script, words, ['ignore', 'ignore', 'ignore'])).toBe(0);
  });

  it('ends with 1 also when it was called wrongly, whatever else that means to it', () => {
    const wrong = ['thing:1', '--all'];

    expect(codeOf('command/cache-invalidate.cli.js', wrong, ['ignore', 'ignore', disk])).toBe(1);
    expect(codeOf('command/cache-invalidate.cli.js', wrong, ['ignore', 'ignore', 'ignore'])).toBe(2);
  });
});
