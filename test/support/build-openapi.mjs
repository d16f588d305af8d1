// Prints the path of the OpenAPI document of the sources as they are now.
//
// Jest compiles without type information, so the Swagger plugin cannot work there; this compiles as `nest build`
// does, beside `dist`, and keeps the document until one of its sources changes.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules/.cache/openapi');
// What the document is made from; the rest of the sources does not show in it.
const sources = readdirSync(join(root, 'src'), { recursive: true })
  .filter((file) =>
    /\.(controller|dto|entity|decorator)\.ts$|^http[\\/]openapi\.ts$|^app\.\w+\.ts$/.test(file),
  )
  .sort();
const hash = createHash('sha256');
for (const file of sources) hash.update(file).update(readFileSync(join(root, 'src', file)));
const target = join(cache, `${hash.digest('hex').slice(0, 16)}.json`);

if (!existsSync(target)) {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'build-'));
  try {
    await compile(folder);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const run = spawnSync(process.execPath, [join(folder, 'openapi.cli.js')], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      timeout: 60_000,
    });
    if (run.status !== 0)
      throw new Error(`The OpenAPI document could not be made:\n${run.stderr}${run.stdout.slice(-2000)}`);
    writeFileSync(join(folder, 'openapi.json'), run.stdout);
    renameSync(join(folder, 'openapi.json'), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.stdout.write(target);

async function compile(outDir) {
  const { default: ts } = await import('typescript');
  const { before } = await import('@nestjs/swagger/plugin');
  const host = {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(String(diagnostic.messageText));
    },
  };
  const { options: plugin } = JSON.parse(readFileSync(join(root, 'nest-cli.json'), 'utf8')).compilerOptions
    .plugins[0];
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.build.json'),
    { outDir, sourceMap: false },
    host,
  );
  const program = ts.createProgram(config.fileNames, config.options);
  program.emit(undefined, undefined, undefined, false, { before: [before(plugin, program)] });
}
