import type { CacheReport } from './cache/index.js';

export const usage = `Prints what is cached, under which keys and tags and for how long, what invalidates it, and what looks wrong.
Needs no database and no Redis.

  npm run -s cache:doctor -- [--json]

  --json  for programs

Ends with 1 if an invalidation hits nothing, or if the application would not start because of its decorators; every other
warning may be meant.`;

/** What the command says, and the code it ends with. */
export interface Diagnosis {
  readonly text: string;
  readonly stream: 'stdout' | 'stderr';
  readonly exitCode: 0 | 1;
}

/** @param text  the report as it was asked for */
export function diagnosisOf({ warnings }: CacheReport, text: string): Diagnosis {
  return { text, stream: 'stdout', exitCode: warnings.some(({ isHard }) => isHard) ? 1 : 0 };
}

/** Of what kept a report from being made. @throws what is neither the decorators' fault nor the caller's, as it came */
export function diagnosisOfFailure(error: unknown): Diagnosis {
  if (!(error instanceof Error && 'code' in error)) throw error;
  const { message, code } = error;
  if (code === 'CACHE_BOOT_FAILED') return { text: message, stream: 'stderr', exitCode: 1 };
  if (!String(code).startsWith('ERR_PARSE_ARGS')) throw error;
  return { text: `${message}\n\n${usage}`, stream: 'stderr', exitCode: 1 };
}
