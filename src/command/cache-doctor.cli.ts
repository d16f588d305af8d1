import { parseArgs } from 'node:util';
import { diagnosisOf, ending, usage } from './cache-doctor.js';
import { runCommand, success, type Outcome } from './run-command.js';

async function examine(asJson: boolean): Promise<Outcome> {
  // Loaded only now: a wrong option is answered at once.
  const { createApp } = await import('../app.setup.js');
  const { CacheGraph, reportLines } = await import('../cache/index.js');
  const app = await createApp({ NODE_ENV: 'test', LOG_LEVEL: 'error' });
  await app.init();
  const report = app.get(CacheGraph).report();
  const text = asJson ? JSON.stringify(report, undefined, 2) : reportLines(report).join('\n').trimStart();
  return diagnosisOf(report, text);
}

async function main(words: string[]): Promise<Outcome> {
  const { values } = parseArgs({
    args: words,
    options: {
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values.help ? success(usage) : examine(values.json);
}

await runCommand(main, ending);
