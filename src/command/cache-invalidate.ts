import { parseArgs } from 'node:util';
import { CommandRefused, success, type Ending, type Outcome } from './run-command.js';

export const usage = `Makes kept answers unusable, in all processes that share the Redis and the CACHE_NAMESPACE of the environment or of the
file .env. Needs no database.

  npm run -s cache:invalidate -- <tag or pattern> ...
  npm run -s cache:invalidate -- --everything

  course:PROG-101          what depends on this tag
  'student_risk:*'         all of a prefix, in quotes because of the shell
  'student_risk:STU001:*'  of a prefix what its first parameters name

npm run -s cache:doctor prints which tags and prefixes there are; a name that nothing depends on is no mistake.

Ends with 0 when Redis has confirmed it, with 1 if it has not within 5 s (repeat it: nothing is lost by that), and with 2,
having done nothing, if it was called wrongly or the settings name no Redis.`;

/** What somebody wants unusable: everything, or what tags and patterns name. */
export type Wish = 'help' | 'everything' | readonly string[];

/** @throws {CommandRefused} and what `parseArgs` throws, for words that say neither or both */
export function wishOf(words: string[]): Wish {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      everything: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.everything && positionals.length > 0)
    throw new CommandRefused('Either --everything or tags and patterns, not both.');
  if (values.everything) return 'everything';
  if (positionals.length === 0) throw new CommandRefused('Name a tag or a pattern, or say --everything.');
  return positionals;
}

/** @param failure  why Redis did not confirm it, as far as that is known; `undefined` where it did */
export function outcomeOf(wish: Wish, failure: string | undefined): Outcome {
  const what = typeof wish === 'string' ? wish : wish.join(', ');
  if (failure === undefined) return success(`Invalidated ${what}: Redis confirmed it.`);
  const text = `Not sure to have invalidated ${what}: Redis did not confirm it (${failure}). Repeat it when it can.`;
  return { text, stream: 'stderr', exitCode: 1 };
}

/** How the command ends where it was not tried. */
export const ending: Ending = {
  usage,
  exitCode: 2,
  lineOf: (failure) =>
    'code' in failure && failure.code === 'CACHE_INVALID_OPTIONS' ? failure.message : undefined,
};
