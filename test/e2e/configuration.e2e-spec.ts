import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnApp } from '../support/processes.js';

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

  it('in a file that cannot be read end the start with the name of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'settings-'));
    await mkdir(join(folder, '.env'));

    const app = await spawnApp({ cwd: folder });

    expect(await app.ended).toBe(1);
    expect(app.output()).toBe(
      `The configuration is not valid:
  .env must be a file that can be read (EISDIR), for example a copy of .env.example
Every variable is described in .env.example.\n`,
    );
    await rm(folder, { recursive: true });
  });
});
