// Puts programs, each with the packages that it uses, into a few files: most of a start is Node looking for 2,500 modules
// one by one.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';

const notBundled = [
  // Loaded by name, by us and by Nest: there must be one of it.
  'class-transformer',
  // Whoever starts the service with an SDK brings it along.
  '@opentelemetry/api',
  // What packages would use if it were there.
  '@fastify/multipart',
  '@fastify/view',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  '@nestjs/websockets',
  'pg-native',
];

/**
 * @param {Record<string, string>} programs  where they are, by what they are called in the folder, without `.js`
 * @param {string} folder  below the project, where what is not bundled is found; what has other names in it stays
 */
export async function bundle(programs, folder) {
  const build = await rolldown({
    input: programs,
    platform: 'node',
    external: notBundled.map((name) => new RegExp(`^${name}(/|$)`)),
    plugins: [
      { name: 'source-maps', load: withSourceMap },
      { name: 'one-typeorm', transform: withOneTypeorm },
    ],
    onLog(_level, { message }) {
      throw new Error(message);
    },
  });
  const { output } = await build.write({
    dir: folder,
    // Classes are called by their names: in logs, in the description of the API, in the database's list of migrations.
    keepNames: true,
    // Else a decorator may run before reflect-metadata.
    strictExecutionOrder: true,
    sourcemap: true,
    // Node reads them at each start, and they are a seventh of all.
    comments: { jsdoc: false },
    chunkFileNames: ({ name }) => `parts/${isOfPackages(name) ? 'packages' : name}-[hash].js`,
    codeSplitting: { groups: [{ name: 'packages', test: /[\\/]node_modules[\\/]/, entriesAware: true }] },
  });
  // Node would read them at each start: 25 MB, and a sixth of its time.
  for (const { fileName } of output) {
    if (fileName.endsWith('.map') && isOfPackages(basename(fileName))) rmSync(join(folder, fileName));
  }
}

/** Stack traces lead to the sources, not to what they were compiled to. */
function withSourceMap(path) {
  if (!existsSync(`${path}.map`) || path.includes('node_modules')) return undefined;
  return { code: readFileSync(path, 'utf8'), map: readFileSync(`${path}.map`, 'utf8') };
}

/** @nestjs/typeorm looks with require() for what older versions of TypeORM have: all of it would be loaded once more. */
function withOneTypeorm(code, path) {
  if (!/[\\/]@nestjs[\\/]typeorm[\\/].*typeorm-compat/.test(path)) return undefined;
  const asked = code.replace('createRequire(import.meta.url)', '() => typeorm');
  if (asked === code) throw new Error(`${path} asks for TypeORM in another way than it did.`);
  return { code: `import * as typeorm from 'typeorm';\n${asked}`, map: null };
}

function isOfPackages(name) {
  return name.startsWith('packages');
}
