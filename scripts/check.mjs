// npm run check: format, lint, types, import rules, unused code.
import { endOnSignal } from './end-on-signal.mjs';
import { endAll } from './run.mjs';
import { runStaticChecks } from './static-checks.mjs';

endOnSignal(endAll);

const failed = await runStaticChecks((text) => process.stdout.write(text), false);
if (failed.length > 0) {
  process.stdout.write(`Failed: ${failed.join(', ')}. "npm run format" mends the format.\n`);
  process.exitCode = 1;
}
