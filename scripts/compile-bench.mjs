// Compiles test/bench into a folder of its own below .tmp, where it uses the built sources in dist.
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformFileSync } from '@swc/core';

const options = {
  swcrc: false,
  sourceMaps: 'inline',
  module: { type: 'es6' },
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    keepClassNames: true,
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
};

/** @returns {string} the folder of the compiled files; remove it afterwards */
export function compileBench(root) {
  const from = join(root, 'test/bench');
  // As deep as the sources are: a path out of one leads out of the other.
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const to = mkdtempSync(join(root, '.tmp/bench-'));
  const names = readdirSync(from, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))) {
    const { code } = transformFileSync(join(from, name), options);
    const file = join(to, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code.replaceAll(/(from ['"](?:\.\.\/)+)src\//g, '$1dist/'));
  }
  return to;
}
