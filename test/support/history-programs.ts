import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const COMPILE = `
  const { compileTests } = await import('./scripts/compile-tests.mjs');
  process.stdout.write(compileTests(process.cwd(), ['history', 'support']));
`;

/** The programs of the history check, as `npm run test:history` compiles them: processes of their own know no Jest. */
export async function compileHistory(): Promise<{ programs: URL; remove: () => Promise<void> }> {
  const node = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', COMPILE]);
  const { stdout: folder } = await node;
  return {
    programs: pathToFileURL(join(folder, 'history/')),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
