// npm run test:fuzz: holds the answers to requests made from the OpenAPI document to that document.
import { fileURLToPath } from 'node:url';
import { endOnSignal } from './end-on-signal.mjs';
import { readOptions } from './options.mjs';
import { endAll, run } from './run.mjs';

const usage = `npm run test:fuzz -- [options]

Builds valid and invalid requests from the service's own OpenAPI document, sends them to the built service with a real
PostgreSQL and Redis, as each role, and judges every answer: no server error, no status or field that is not described,
nothing valid called invalid, nothing invalid taken. Prints the smallest request for each finding. Exits with 1 if there
is one, or if an operation never succeeded.

  --requests <n>   default 20000
  --seed <n>       default 1; the same seed makes the same requests
`;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const { requests, seed } = readOptions(
  usage,
  { options: { requests: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } } },
  ({ values }) => {
    for (const name of ['requests', 'seed'])
      if (!/^[1-9]\d{0,8}$/.test(values[name]))
        throw new Error(`--${name} must be a whole number from 1 on.`);
    return values;
  },
);
endOnSignal(endAll);
const { code } = await run(process.execPath, ['scripts/test.mjs', 'test/fuzz/fuzz.e2e-spec.ts'], {
  env: { FUZZ_REQUESTS: requests, FUZZ_SEED: seed },
  onOutput: (chunk) => process.stderr.write(chunk),
  timeoutMs: 3 * 60 * 60_000,
});
process.stdout.write(code === 0 ? 'The document holds\n' : 'The document does not hold: see above\n');
process.exitCode = code === 0 ? 0 : 1;
