// Bundles the service and its commands, once they are compiled, into dist/bundle.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const built = resolve(dirname(fileURLToPath(import.meta.url)), '../dist');
const folder = join(built, 'bundle');

rmSync(folder, { recursive: true, force: true });
const programs = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path === 'main.js' || path.endsWith('.cli.js'),
);
await bundle(
  Object.fromEntries(
    programs.map((path) => [path.replace(/\.js$/, '').replaceAll('\\', '/'), join(built, path)]),
  ),
  folder,
);
