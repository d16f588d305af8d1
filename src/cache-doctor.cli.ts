import { parseArgs } from 'node:util';

const usage = `Prints what is cached, under which keys and tags and for how long, what invalidates it, and what looks wrong.
Needs no database and no Redis.

  npm run -s cache:doctor -- [--json]

  --json  for programs

Ends with 1 if an invalidation hits nothing, or if the application would not start because of its decorators; every other
warning may be meant.`;

interface Outcome {
  readonly text: string;
  readonly isSound: boolean;
}

async function examine(asJson: boolean): Promise<Outcome> {
  // Loaded only now: a wrong option is answered at once.
  const { createApp } = await import('./app.setup.js');
  const { CacheGraph, reportLines } = await import('./cache/index.js');
  const app = await createApp({ NODE_ENV: 'test', LOG_LEVEL: 'error' });
  await app.init();
  const report = app.get(CacheGraph).report();
  const text = asJson ? JSON.stringify(report, undefined, 2) : reportLines(report).join('\n').trimStart();
  return { text, isSound: !report.warnings.some(({ isHard }) => isHard) };
}

async function main(words: string[]): Promise<Outcome> {
  const { values } = parseArgs({
    args: words,
    options: {
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values.help ? { text: usage, isSound: true } : examine(values.json);
}

try {
  const { text, isSound } = await main(process.argv.slice(2));
  // Nothing else may keep the process: the application was never meant to serve.
  process.stdout.write(`${text}\n`, () => process.exit(isSound ? 0 : 1));
} catch (error) {
  if (!(error instanceof Error && 'code' in error)) throw error;
  if (error.code === 'CACHE_BOOT_FAILED') process.stderr.write(`${error.message}\n`);
  else if (String(error.code).startsWith('ERR_PARSE_ARGS'))
    process.stderr.write(`${error.message}\n\n${usage}\n`);
  else throw error;
  process.exit(1);
}
