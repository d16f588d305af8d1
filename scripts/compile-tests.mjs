// Compiles folders of test/ into one beside the built sources, and bundles the programs that tests start again and again.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';
import { bundle } from './bundle.mjs';
import { swcOptions } from './swc-options.mjs';

const options = { ...swcOptions, sourceMaps: 'inline', module: { type: 'es6' } };
const bundled = [
  'history/server.process.ts',
  'support/closed-service.mjs',
  'support/dying-writer.mjs',
  'support/herd-server.mjs',
  'support/many-keys.mjs',
];

/** @returns {Promise<string>} what holds the compiled folders: made once for what they are and for the build, and gone with it */
export async function compileTests(root, folders) {
  const texts = folders.flatMap((folder) => namesIn(root, folder)).map((name) => [name, textOf(root, name)]);
  const made = [
    statSync(join(root, 'dist', '.built')).mtimeMs,
    readFileSync(fileURLToPath(import.meta.url), 'utf8'),
  ];
  const hash = createHash('sha256')
    .update(JSON.stringify([made, options, texts]))
    .digest('hex')
    .slice(0, 12);
  const to = join(root, 'dist', `.tests-${hash}`);
  if (existsSync(to)) return to;

  const unfinished = `${to}-${process.pid}`;
  for (const [name, text] of texts) {
    const file = join(unfinished, withoutEnding(name));
    mkdirSync(dirname(file), { recursive: true });
    const code = transformSync(text, { ...options, filename: join(root, 'test', name) }).code;
    // One folder less than to the sources.
    writeFileSync(`${file}.js`, code.replaceAll(/((?:from|import) ['"](?:\.\.\/)+)(?:src|dist)\//g, '$1'));
  }
  const programs = bundled.map(withoutEnding).filter((name) => existsSync(join(unfinished, `${name}.js`)));
  if (programs.length > 0) {
    await bundle(
      Object.fromEntries(programs.map((name) => [name, join(unfinished, `${name}.js`)])),
      unfinished,
    );
  }
  try {
    renameSync(unfinished, to);
  } catch (error) {
    rmSync(unfinished, { recursive: true });
    // Somebody else was as quick.
    if (!existsSync(to)) throw error;
  }
  return to;
}

function namesIn(root, folder) {
  return readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((name) => (name.endsWith('.ts') && !name.endsWith('.spec.ts')) || bundled.includes(name));
}

function textOf(root, name) {
  return readFileSync(join(root, 'test', name), 'utf8');
}

function withoutEnding(name) {
  return name.replace(/\.m?[jt]s$/, '');
}
