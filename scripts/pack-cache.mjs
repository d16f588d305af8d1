// npm run pack:cache [-- <folder>]: makes a package of the cache alone, for other applications: what it is built to, the
// documents, and `redis` as all that it brings along. Prints where the package is.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmCommand } from './npm.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const target = resolve(process.argv[2] ?? '.');
const { name, version, license, type, exports, engines, dependencies, peerDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

const manifest = {
  name,
  version,
  private: true,
  description: 'A cache for NestJS that one can trust: @Cached(ttl) and @InvalidateCache(pattern)',
  license,
  type,
  exports,
  engines,
  dependencies: { redis: dependencies.redis },
  // The oldest with which the outbox was tried.
  peerDependencies: { ...peerDependencies, typeorm: `^0.3.31 || ${dependencies.typeorm}` },
  peerDependenciesMeta: { typeorm: { optional: true } },
};

const readme = `# ${name}/cache

${manifest.description}. How to begin: [docs/caching-reference.md](docs/caching-reference.md#in-another-application);
what it is: [docs/caching.md](docs/caching.md).
`;

mkdirSync(target, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'pack-cache-'));
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  writeFileSync(join(folder, 'README.md'), readme);
  cpSync(join(root, 'docs'), join(folder, 'docs'), { recursive: true });
  cpSync(join(root, 'dist', 'cache'), join(folder, 'dist', 'cache'), {
    recursive: true,
    filter: (path) => !path.endsWith('.map'),
  });
  for (const path of readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (path.endsWith('.js')) withoutSourceMap(join(folder, 'dist', path));
  }
  const [command, ...first] = npmCommand();
  const options = ['pack', folder, '--json', '--offline', '--ignore-scripts', '--pack-destination', target];
  const [packed] = JSON.parse(execFileSync(command, [...first, ...options], { encoding: 'utf8' }));
  process.stdout.write(`${join(target, packed.filename)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The maps lead to sources that are not in the package. */
function withoutSourceMap(path) {
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''));
}
