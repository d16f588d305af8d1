import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { locateBinaries, placeForUser, runCommand, serverUser } from './postgres-binaries.js';

const platform = `${process.platform}-${process.arch}`;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binaries-'));
  await chmod(folder, 0o755);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

it('finds programs that run', async () => {
  const { postgres } = await locateBinaries(platform);

  expect(await runCommand(postgres, ['--version'], { user: undefined, cwd: '/' })).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^postgres \(PostgreSQL\) \d+/),
  });
});

it('leaves programs and data where they are when the server can reach them', async () => {
  const binaries = await locateBinaries(platform);
  const homeDir = join(folder, 'home');
  await mkdir(homeDir);

  expect(await placeForUser({ binaries, homeDir, user: undefined, shelters: [] }, () => undefined)).toEqual({
    binaries,
    homeDir,
  });
});

it('gives up a command that takes too long, and tells one that cannot be run from one that fails', async () => {
  const place = { user: undefined, cwd: '/' };

  expect((await runCommand('/bin/sleep', ['60'], { ...place, timeoutMs: 50 })).code).toBeNull();
  expect((await runCommand('/no/such/program', [], place)).code).toBeNull();
  expect((await runCommand('/bin/sh', ['-c', 'exit 3'], place)).code).toBe(3);
});

// Ordinary users run the server as themselves, and can enter their own folders.
if (process.getuid?.() === 0) {
  it('runs the server as nobody when root starts it', async () => {
    const user = await serverUser(join(folder, 'no-cluster-yet'));

    expect(user?.uid).not.toBe(0);
    expect((await runCommand('/usr/bin/id', ['-u'], { user, cwd: '/' })).output.trim()).toBe(
      String(user?.uid),
    );
  });

  it('places programs and data elsewhere, once, when only root may enter the folder, and says where', async () => {
    const installed = await locateBinaries(platform);
    const locked = join(folder, 'only-root');
    await mkdir(join(locked, 'data'), { recursive: true });
    await cp(join(dirname(installed.initdb), '..'), join(locked, 'package', 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await cp(
      join(dirname(installed.initdb), '..', '..', 'package.json'),
      join(locked, 'package', 'package.json'),
    );
    await chmod(locked, 0o700);
    const bin = join(locked, 'package', 'native', 'bin');
    const binaries = {
      initdb: join(bin, 'initdb'),
      pg_ctl: join(bin, 'pg_ctl'),
      postgres: join(bin, 'postgres'),
    };
    const user = await serverUser(join(locked, 'data', 'cluster'));
    const wish = { binaries, homeDir: join(locked, 'data'), user, shelters: [folder] };
    const lines: string[] = [];

    const umask = process.umask(0o077);
    const placed = await placeForUser(wish, (line) => lines.push(line)).finally(() => process.umask(umask));
    const again = await placeForUser(wish, () => undefined);

    expect(again).toEqual(placed);
    expect((await runCommand(placed.binaries.postgres, ['--version'], { user, cwd: '/' })).code).toBe(0);
    expect((await stat(placed.homeDir)).isDirectory()).toBe(true);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(placed.homeDir);
    expect(await readdir(join(folder, 'ai-native-backend'))).toHaveLength(2);
  });
}
