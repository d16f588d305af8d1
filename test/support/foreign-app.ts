import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NAME = 'ai-native-backend';

interface LockedPackage {
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

export interface ForeignApp {
  readonly folder: string;
  /** Paths of what is in the package of the cache. */
  readonly packed: readonly string[];
  remove(): Promise<void>;
}

/**
 * Puts the application of `test/fixtures/foreign-app` into a folder of its own, with the packed cache and those packages
 * that its package.json names, with what they and the cache need in turn, and no others. No registry is asked: the
 * packages are this project's. Then compiles it against the packed declarations.
 *
 * @throws {Error} with the words of the compiler
 */
export async function installForeignApp(): Promise<ForeignApp> {
  const folder = await mkdtemp(join(tmpdir(), 'foreign-app-'));
  await cp('test/fixtures/foreign-app', folder, { recursive: true });
  const { dependencies, devDependencies } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  ) as { dependencies: Record<string, string>; devDependencies: Record<string, string> };
  const { manifest, paths } = await unpack(folder);
  const named = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== NAME);
  for (const [target, packages] of byFolder(await pathsOf([...named, ...needsOf(manifest)]))) {
    await mkdir(join(folder, target), { recursive: true });
    // Thousands of files: links to ours, unless the folder is on another disk.
    const place = (option: string) => run('cp', [option, ...packages, join(folder, target)]);
    await place('-Rl').catch(() => place('-R'));
  }
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder]).catch((error: unknown) => {
    throw new Error((error as { stdout: string }).stdout);
  });
  return { folder, packed: paths, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** @returns what its package.json says, and the paths in it */
async function unpack(folder: string): Promise<{ manifest: LockedPackage; paths: string[] }> {
  const { stdout } = await run(process.execPath, ['scripts/pack-cache.mjs', folder]);
  const tarball = stdout.trim();
  const target = join(folder, 'node_modules', NAME);
  await mkdir(target, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  const entries = await readdir(target, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return {
    manifest: JSON.parse(await readFile(join(target, 'package.json'), 'utf8')) as LockedPackage,
    paths: files.map(({ parentPath, name }) => relative(target, join(parentPath, name))),
  };
}

/** Where npm has put these packages of ours and all that they need, optional ones left out. */
async function pathsOf(names: readonly string[]): Promise<string[]> {
  const { packages } = JSON.parse(await readFile('node_modules/.package-lock.json', 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const path = nearest(name, from);
    if (found.has(path)) return;
    found.add(path);
    for (const needed of needsOf(packages[path] ?? {})) visit(needed, path);
  };
  const nearest = (name: string, from: string): string => {
    for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
      const path = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
      if (packages[path]) return path;
      if (base === '')
        throw new Error(`${from || 'the foreign application'} needs ${name}, which is not installed`);
    }
  };
  for (const name of names) visit(name, '');
  // What lies inside of another comes with it.
  return [...found].filter((path) => path.lastIndexOf('node_modules/') === 0);
}

/** By the folder that they lie in, such as that of a scope. */
function byFolder(paths: readonly string[]): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const path of paths) folders.set(dirname(path), [...(folders.get(dirname(path)) ?? []), path]);
  return folders;
}

function needsOf({
  dependencies = {},
  peerDependencies = {},
  peerDependenciesMeta = {},
}: LockedPackage): string[] {
  const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
  return [...Object.keys(dependencies), ...peers];
}
