import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { isStillThere, startOf } from './process-start.js';

/** What this process has written, or is about to write, into the files that it holds. */
const held = new Set<string>();

/**
 * Runs `work` while this process alone holds the file at `path`; processes of this machine take turns.
 * A file of a dead process is taken over, even if another process has its id by now.
 *
 * @throws {Error} if another living process holds it for longer than `patienceMs`
 */
export async function whileHolding<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  const mark = `${process.pid} ${await startOf(process.pid)} ${randomUUID()}`;
  held.add(mark);
  try {
    for (;;) {
      const found = await contentOf(path);
      if (found === undefined && (await create(path, mark))) break;
      if (found !== undefined && (await isLeftBehind(found))) await takeAway(path, patienceMs);
      else if (Date.now() <= deadline) await wait(50);
      else if (found === undefined) throw new Error(`${path} can be neither read nor made`);
      else {
        throw new Error(
          `${path} is held by process ${parseInt(found)}; if that is not this program, delete the file`,
        );
      }
    }
    try {
      return await work();
    } finally {
      // A user may have deleted it, as the message says, and another process have made it since.
      if ((await contentOf(path)) === mark) await rm(path, { force: true });
    }
  } finally {
    held.delete(mark);
  }
}

/** Writes under another name first, so that the file is never there half written. @returns whether nobody was faster */
async function create(path: string, mark: string): Promise<boolean> {
  const written = `${path}.${randomUUID()}`;
  try {
    await writeFile(written, mark, { flag: 'wx', mode: 0o600 });
    await link(written, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(written, { force: true });
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isLeftBehind(mark: string): Promise<boolean> {
  const [pid, start = '-'] = mark.split(' ');
  if (Number(pid) === process.pid) return !held.has(mark);
  return !Number(pid) || !(await isStillThere(Number(pid), start));
}

/** Removes a file left behind. In turns, too: else a slower process could remove what a faster one has just made. */
async function takeAway(path: string, patienceMs: number): Promise<void> {
  await whileHolding(`${path}.takeover`, patienceMs, async () => {
    const found = await contentOf(path);
    if (found !== undefined && (await isLeftBehind(found))) await rm(path, { force: true });
  });
}
