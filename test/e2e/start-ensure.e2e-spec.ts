import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const lock = { packages: { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'x' } } };
let project: string;

const bundles = `import { mkdirSync, writeFileSync } from 'node:fs';
  mkdirSync('dist/bundle', { recursive: true });
  writeFileSync('dist/bundle/main.js', '');`;

/** A project with a npm, a nest and a bundler that only leave what the real ones would. */
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'ensure-'));
  await mkdir(join(project, 'scripts'));
  for (const name of ['ensure.mjs', 'npm.mjs'])
    await copyFile(`scripts/${name}`, join(project, 'scripts', name));
  await write('package-lock.json', JSON.stringify(lock));
  await write('scripts/bundle-service.mjs', bundles);
  for (const file of [
    'src/main.ts',
    'scripts/bundle.mjs',
    'tsconfig.json',
    'tsconfig.build.json',
    'nest-cli.json',
  ])
    await write(file, '');
  await write(
    'npm-cli.js',
    `const fs = require('fs'); const { packages } = JSON.parse(fs.readFileSync('package-lock.json'));
     fs.mkdirSync('node_modules/@nestjs/cli/bin', { recursive: true });
     fs.writeFileSync('node_modules/@nestjs/cli/bin/nest.js', "require('fs').mkdirSync('dist', { recursive: true }); require('fs').writeFileSync('dist/main.js', '')");
     fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));`,
  );
});

afterEach(() => rm(project, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(project, path)), { recursive: true });
  await writeFile(join(project, path), text);
}

/** What it said it did, without times. */
function ensure(...parameters: string[]): string[] {
  const { stderr } = spawnSync(process.execPath, [join(project, 'scripts/ensure.mjs'), ...parameters], {
    encoding: 'utf8',
    cwd: project,
    env: { ...process.env, npm_execpath: join(project, 'npm-cli.js') },
  });
  return stderr
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '');
}

const nothing = [''];
const installed = ['Installing', 'Installed'];
const built = ['Building', 'Built'];

it('installs and builds in a fresh clone, and does nothing the second time', () => {
  expect(ensure()).toEqual([...installed, ...built]);
  expect(ensure()).toEqual(nothing);
});

it('only installs when no build is wanted', () => {
  expect(ensure('--no-build')).toEqual(installed);
  expect(ensure()).toEqual(built);
});

it('installs again when the lock file names another version', async () => {
  ensure();
  await write('package-lock.json', JSON.stringify(lock).replace('1.0.0', '1.0.1'));

  expect(ensure()).toEqual([...installed, ...built]);
});

it('builds again when a source is newer than the build, and not for a spec', async () => {
  ensure();
  const later = new Date(Date.now() + 60_000);
  await write('src/main.spec.ts', '');
  await utimes(join(project, 'src'), new Date(0), new Date(0));
  await utimes(join(project, 'src/main.spec.ts'), later, later);
  expect(ensure()).toEqual(nothing);

  await utimes(join(project, 'src/main.ts'), later, later);
  expect(ensure()).toEqual(built);
});

it('builds again after a build that failed', async () => {
  ensure('--no-build');
  const nest = join(project, 'node_modules/@nestjs/cli/bin/nest.js');
  await write('good-nest.js', '');
  await copyFile(nest, join(project, 'good-nest.js'));
  await writeFile(
    nest,
    "require('fs').mkdirSync('dist'); require('fs').writeFileSync('dist/main.js', ''); process.exit(1)",
  );
  expect(ensure()).toEqual(['Building', 'The']);

  await copyFile(join(project, 'good-nest.js'), nest);
  expect(ensure()).toEqual(built);
});

it('builds again after a bundle that failed', async () => {
  ensure('--no-build');
  await write('scripts/bundle-service.mjs', `${bundles} process.exit(1);`);
  expect(ensure()).toEqual(['Building', 'The']);

  await write('scripts/bundle-service.mjs', bundles);
  expect(ensure()).toEqual(built);
});

it('A35: says in one line that Node is too old', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--no-experimental-require-module', join(project, 'scripts/ensure.mjs')],
    { encoding: 'utf8' },
  );

  expect(status).toBe(1);
  expect(stderr).toMatch(/^Node [\d.]+ is too old: this needs Node 20\.19.*\n$/);
});
