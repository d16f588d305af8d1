// npm run check: format, lint, types, import rules, unused code.
import { endAll } from './run.mjs';
import { runStaticChecks } from './static-checks.mjs';

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => void endAll().then(() => process.exit(code)));
}

const failed = await runStaticChecks((text) => process.stdout.write(text), false);
if (failed.length > 0) {
  process.stdout.write(`Failed: ${failed.join(', ')}. "npm run format" mends the format.\n`);
  process.exitCode = 1;
}
