// Compiles folders of test/ into a folder of its own below .tmp, where they use the built sources in dist.
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformFileSync } from '@swc/core';
import { swcOptions } from './swc-options.mjs';

const options = { ...swcOptions, sourceMaps: 'inline', module: { type: 'es6' } };

/** @returns {string} the folder that holds the compiled folders; remove it afterwards */
export function compileTests(root, folders) {
  // Below the project, where its packages are found.
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const to = mkdtempSync(join(root, '.tmp/tests-'));
  const built = pathToFileURL(join(root, 'dist')).href;
  for (const folder of folders) {
    const from = join(root, 'test', folder);
    const names = readdirSync(from, { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))) {
      const { code } = transformFileSync(join(from, name), options);
      const file = join(to, folder, name.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code.replaceAll(/((?:from|import) ['"])(?:\.\.\/)+src\//g, `$1${built}/`));
    }
  }
  return to;
}
