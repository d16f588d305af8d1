import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { whileHolding } from './exclusive-file.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exclusive-'));
  path = join(folder, 'lock');
});

afterEach(() => rm(folder, { recursive: true }));

const take = () => whileHolding(path, 200, () => readFile(path, 'utf8'));
const deadPid = () => spawnSync(process.execPath, ['--version']).pid;

it.each([
  ['a process that is dead', () => String(deadPid())],
  ['a process that had the id of this one', () => `${process.pid} 1 x`],
  ['a process that had the id of this one, without more', () => String(process.pid)],
])('takes over the file of %s, and leaves nothing', async (_whose, mark) => {
  await writeFile(path, mark());

  expect(await take()).toMatch(new RegExp(`^${process.pid} `));
  expect(await readdir(folder)).toEqual([]);
});

if (process.platform === 'linux') {
  it('takes over the file of a process whose id another has by now', async () => {
    await writeFile(path, `${process.ppid} 1 x`);

    expect(await take()).toMatch(new RegExp(`^${process.pid} `));
  });
}

it('takes over an empty file at once: nobody who holds one leaves it so', async () => {
  await writeFile(path, '');

  expect(await take()).toMatch(new RegExp(`^${process.pid} `));
});

it('leaves alone what another has by now, because somebody deleted the file', async () => {
  await whileHolding(path, 200, async () => {
    await rm(path);
    await writeFile(path, String(process.ppid));
  });

  expect(await readFile(path, 'utf8')).toBe(String(process.ppid));
});

it('gives up in time what it can neither read nor make', async () => {
  await symlink(join(folder, 'nowhere'), path);

  await expect(take()).rejects.toThrow('can be neither read nor made');
});

it('says why it cannot make the file', async () => {
  await expect(whileHolding(join(folder, 'none', 'lock'), 200, take)).rejects.toThrow('ENOENT');
});

it('does not take the file of a process that lives', async () => {
  await writeFile(path, String(process.ppid));

  await expect(take()).rejects.toThrow(`is held by process ${process.ppid};`);
  expect(await readFile(path, 'utf8')).toBe(String(process.ppid));
});

it('lets one at a time in, also when all find the same file left behind', async () => {
  await writeFile(path, String(deadPid()));
  let inside = 0;
  const seen = await Promise.all(
    Array.from({ length: 10 }, () =>
      whileHolding(path, 20_000, async () => {
        const together = ++inside;
        await readFile(path);
        inside--;
        return together;
      }),
    ),
  );

  expect(seen).toEqual(Array(10).fill(1));
});
