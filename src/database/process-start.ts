import { readFile } from 'node:fs/promises';

/** Stands for the start of a process where it cannot be known. */
export const UNKNOWN = '-';

/** When a process began, by Linux (proc(5), field 22 of `stat`); `-` elsewhere. Ids are used again, this is not. */
export async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The program's name stands before it in parentheses, and may hold any character.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? UNKNOWN;
}

/** Linux counts for programs in so many ticks a second, on every machine. */
const ticks = 100;

/** When a process began, in seconds since 1970 by the present clock, and rounded. `NaN` if that cannot be known. */
export async function startedAt(pid: number): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const bootedAt = Number(/^btime (\d+)$/m.exec(text)?.[1] ?? NaN);
  return bootedAt + Number(await startOf(pid)) / ticks;
}

/** The name of the program that a process runs; `undefined` if that cannot be known. */
export async function programOf(pid: number): Promise<string | undefined> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
  return name?.trimEnd();
}

/**
 * Whether the process that had this id is still there, whoever owns it.
 *
 * @param start  what {@link startOf} gave for it then; if that is unknown, any process with this id counts
 */
export async function isStillThere(pid: number, start: string): Promise<boolean> {
  if (!exists(pid)) return false;
  const present = await startOf(pid);
  return start === present || start === UNKNOWN || present === UNKNOWN;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
