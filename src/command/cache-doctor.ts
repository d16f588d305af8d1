import type { CacheReport } from '../cache/index.js';
import type { Ending, Outcome } from './run-command.js';

export const usage = `Prints what is cached, under which keys and tags and for how long, what invalidates it, and what looks wrong.
Needs no database and no Redis.

  npm run -s cache:doctor -- [--json]

  --json  for programs

Ends with 1 if an invalidation hits nothing, or if the application would not start because of its decorators; every other
warning may be meant.`;

/** @param text  the report as it was asked for */
export function diagnosisOf({ warnings }: CacheReport, text: string): Outcome {
  return { text, stream: 'stdout', exitCode: warnings.some(({ isHard }) => isHard) ? 1 : 0 };
}

/** How the command ends where the decorators keep a report from being made, or the caller does. */
export const ending: Ending = {
  usage,
  lineOf: (failure) =>
    'code' in failure && failure.code === 'CACHE_BOOT_FAILED' ? failure.message : undefined,
};
