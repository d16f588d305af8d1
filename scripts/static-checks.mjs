// Everything that can be said about the code without running it. Nothing here changes a file of the project.
import { run } from './run.mjs';

const checks = [
  ['lint and types', 'oxlint/bin/oxlint', ['.']],
  ['format', 'oxfmt/bin/oxfmt', ['--check', '.']],
  ['imports', 'dependency-cruiser/bin/dependency-cruise.mjs', ['src', '--config', '.dependency-cruiser.cjs']],
  ['unused code', 'knip/bin/knip.js', ['--no-progress']],
];

/**
 * Runs all static checks, two at a time, and says of each in one line how it went; what failed shows its output.
 *
 * @param {(text: string) => void} say
 * @param {boolean} isBackground  whether something else is to have the processor first
 * @returns {Promise<string[]>} the names of those that failed
 */
export async function runStaticChecks(say, isBackground) {
  const waiting = [...checks];
  const failed = [];
  const work = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const [name, script, parameters] = check;
      const started = Date.now();
      const program = [`node_modules/${script}`, ...parameters];
      const { code, output } = await run(process.execPath, program, { timeoutMs: 10 * 60_000, isBackground });
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      if (code === 0) say(`✓ ${name} (${seconds} s)\n`);
      else {
        failed.push(name);
        say(`✗ ${name} (${seconds} s)\n${output.trimEnd()}\n`);
      }
    }
  };
  await Promise.all([work(), work()]);
  return failed;
}
