import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'scripts/bench.mjs'), ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 100_000,
  });
}

describe('npm run bench', () => {
  it('can start every contender, which all serve the same bytes, and a generator', () => {
    expect(bench('--check')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+ contenders serve the right bytes$/m),
      stderr: '',
    });
  }, 120_000);

  it('tells its options, and starts nothing when it does not know one', () => {
    expect(bench('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--rounds') });
    expect(bench('--only', 'weather')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("no scenario 'weather'"),
    });
  });
});
