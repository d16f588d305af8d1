import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Whoever makes the file writes into it at once: one that stays empty for longer was left by a process that died there. */
const emptyPatienceMs = 1000;

/** What this process has written, or is about to write, into files that it holds. */
const held = new Set<string>();

/** Whether a process with this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Runs `work` while this process alone holds the file at `path`; processes of this machine take turns.
 * A file left by a dead process is taken over, also when another process has its id by now.
 *
 * @throws {Error} when another living process holds it longer than `patienceMs`
 */
export async function whileHolding<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  const mark = `${process.pid} ${(await startOf(process.pid)) ?? '-'} ${randomUUID()}`;
  held.add(mark);
  try {
    while (!(await tryToCreate(path, mark))) {
      const found = await readFile(path, 'utf8').catch(() => undefined);
      if (found !== undefined && (await isLeftBehind(path, found))) await takeAway(path, patienceMs);
      else if (Date.now() > deadline) {
        throw new Error(
          `${path} is held by process ${parseInt(found ?? '')}; if that is not this program, delete the file`,
        );
      } else await wait(50);
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    held.delete(mark);
  }
}

async function tryToCreate(path: string, mark: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(mark);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isLeftBehind(path: string, mark: string): Promise<boolean> {
  if (mark === '') {
    const made = await stat(path).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > emptyPatienceMs;
  }
  const [pid, start = '-'] = mark.split(' ');
  if (Number(pid) === process.pid) return !held.has(mark);
  if (!isAlive(Number(pid))) return true;
  return start !== '-' && start !== ((await startOf(Number(pid))) ?? start);
}

/** Those who find the same take turns in this too, or the slower would take away what the faster has just made. */
async function takeAway(path: string, patienceMs: number): Promise<void> {
  await whileHolding(`${path}.takeover`, patienceMs, async () => {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found !== undefined && (await isLeftBehind(path, found))) await rm(path, { force: true });
  });
}

/** When a process began, as Linux tells it (proc(5), field 22 of `stat`); `undefined` elsewhere. Ids are used again, this is not. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name before it is in parentheses, and may hold any character.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}
