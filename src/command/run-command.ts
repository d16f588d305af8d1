import { ConfigurationError } from '../config/configuration-error.js';

/** What a command says at its end, and the code it ends with. */
export interface Outcome {
  readonly text: string;
  readonly stream: 'stdout' | 'stderr';
  readonly exitCode: 0 | 1 | 2;
}

/** How a command ends that does not do what it was asked for. */
export interface Ending {
  /** Stands below the reason when the words or the settings are refused. Default: wrong words are sent to `--help` */
  readonly usage?: string;
  /** Default: 1 */
  readonly exitCode?: 1 | 2;
  /** Tells what else the user can mend, `undefined` for the rest. Default: nothing else */
  readonly lineOf?: (failure: Error) => string | undefined;
}

/** The command was called wrongly, or where it can do nothing; the message is for the user. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}

/** What was asked for: `text` goes to standard output, and the code is 0. */
export function success(text: string): Outcome {
  return { text, stream: 'stdout', exitCode: 0 };
}

/**
 * Runs a command line and ends the process, as nothing else may keep it. What the user can mend ends it with words on
 * standard error and the code of `ending`. Whoever wanted the text and did not get it, because the disk is full, say, is
 * told by the code: 1.
 *
 * @param main  gets the words of the command line
 * @throws what the user cannot mend, as it came: Node prints where it comes from, and ends with 1
 */
export async function runCommand(
  main: (words: string[]) => Promise<Outcome>,
  ending: Ending = {},
): Promise<void> {
  const failed = (failure: unknown) => outcomeOfFailure(failure, ending);
  sayAndExit(await main(process.argv.slice(2)).catch(failed));
}

/** @throws what the user cannot mend, as it came */
export function outcomeOfFailure(failure: unknown, ending: Ending): Outcome {
  const text =
    failure instanceof Error ? (refusalOf(failure, ending) ?? ending.lineOf?.(failure)) : undefined;
  if (text === undefined) throw failure;
  return { text, stream: 'stderr', exitCode: ending.exitCode ?? 1 };
}

function refusalOf(failure: Error, { usage }: Ending): string | undefined {
  const { message } = failure;
  const isOfWords = 'code' in failure && String(failure.code).startsWith('ERR_PARSE_ARGS');
  const isRefused = failure instanceof CommandRefused || failure instanceof ConfigurationError;
  if (!isOfWords && !isRefused) return undefined;
  if (usage !== undefined) return `${message}\n\n${usage}`;
  return isRefused ? message : `${message.split('\n')[0] ?? ''} (--help tells the options.)`;
}

function sayAndExit({ text, stream, exitCode }: Outcome): void {
  process[stream].write(`${text}\n`, (error) => process.exit(error ? 1 : exitCode));
}
