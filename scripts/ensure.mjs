// Installs and builds what is missing or out of date. Runs before anything is installed: Node's own modules only.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmCommand } from './npm.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist', '.built');

requireNode();
if (!isInstalled()) install();
if (!process.argv.includes('--no-build') && !isBuilt()) build();

/** Packages are loaded with require() although they are ES modules: Node can do that since 20.19 and 22.12. */
function requireNode() {
  if (process.features.require_module) return;
  fail(
    `Node ${process.versions.node} is too old: this needs Node 20.19, 22.13, 24.11 or newer (https://nodejs.org).`,
  );
}

/** Whether node_modules holds every package of the lock file, by the list that npm writes when it has finished. */
function isInstalled() {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  let found;
  try {
    found = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  return Object.entries(wanted).every(([path, { version, integrity, optional, devOptional }]) => {
    if (path === '') return true;
    if (!found[path]) return Boolean(optional || devOptional);
    return found[path].version === version && found[path].integrity === integrity;
  });
}

function install() {
  say('Installing packages (once; a minute or so)');
  const started = Date.now();
  const options = [
    'ci',
    // Nest is a peer, so that who takes the cache into an application has it once; whatever the user's npm is set to.
    '--legacy-peer-deps=false',
    // Some packages name newer versions of Node than they need.
    '--engine-strict=false',
    '--include=peer',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const [command, ...first] = npmCommand();
  runOrFail(command, [...first, ...options], 'The packages could not be installed: is there a network?');
  say(`Installed in ${seconds(started)} s`);
}

function isBuilt() {
  let builtAtMs;
  try {
    builtAtMs = statSync(stamp).mtimeMs;
    statSync(join(root, 'dist', 'bundle', 'main.js'));
  } catch {
    return false;
  }
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'package-lock.json'];
  const sources = ['src', 'scripts/bundle.mjs', 'scripts/bundle-service.mjs', ...settings];
  return sources.every((path) => newestMs(join(root, path)) < builtAtMs);
}

/** Folders count too: theirs is the only time that changes when a file is deleted. */
function newestMs(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return path.endsWith('.spec.ts') ? 0 : status.mtimeMs;
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestMs(join(path, name))),
    status.mtimeMs,
  );
}

function build() {
  say('Building');
  const started = Date.now();
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  runOrFail(process.execPath, [nest, 'build'], 'The build failed.');
  runOrFail(
    process.execPath,
    [join(root, 'scripts', 'bundle-service.mjs')],
    'The build could not be bundled.',
  );
  // A source that was changed during the build counts as newer than the build.
  writeFileSync(stamp, '');
  utimesSync(stamp, started / 1000, started / 1000);
  say(`Built in ${seconds(started)} s`);
}

function runOrFail(command, parameters, complaint) {
  const { status, stdout, stderr, error } = spawnSync(command, parameters, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A build must be the same wherever it is made, and a package that reports installations may not.
    env: { ...process.env, NODE_ENV: 'development', SCARF_ANALYTICS: 'false' },
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`);
  fail(complaint);
}

function seconds(started) {
  return ((Date.now() - started) / 1000).toFixed(1);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
