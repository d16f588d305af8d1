import { parseArgs } from 'node:util';
import { diagnosisOf, diagnosisOfFailure, usage, type Diagnosis } from './cache-diagnosis.js';
import { sayAndExit } from './say-and-exit.js';

async function examine(asJson: boolean): Promise<Diagnosis> {
  // Loaded only now: a wrong option is answered at once.
  const { createApp } = await import('./app.setup.js');
  const { CacheGraph, reportLines } = await import('./cache/index.js');
  const app = await createApp({ NODE_ENV: 'test', LOG_LEVEL: 'error' });
  await app.init();
  const report = app.get(CacheGraph).report();
  const text = asJson ? JSON.stringify(report, undefined, 2) : reportLines(report).join('\n').trimStart();
  return diagnosisOf(report, text);
}

async function main(words: string[]): Promise<Diagnosis> {
  const { values } = parseArgs({
    args: words,
    options: {
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values.help ? { text: usage, stream: 'stdout', exitCode: 0 } : examine(values.json);
}

const { text, stream, exitCode } = await main(process.argv.slice(2)).catch(diagnosisOfFailure);
sayAndExit(`${text}\n`, stream, exitCode);
