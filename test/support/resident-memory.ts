import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const EVERY_MS = 50;

/** What a process holds of the machine's memory now, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) * 1024;
}

/** The most that a process holds while `work` goes on, bytes; looked at twenty times a second. */
export async function mostResidentBytes(pid: number, work: () => Promise<unknown>): Promise<number> {
  let most = await residentBytes(pid);
  let isOver = false;
  const watch = async () => {
    while (!isOver) {
      most = Math.max(most, await residentBytes(pid));
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };
  const watching = watch();
  try {
    await work();
  } finally {
    isOver = true;
    await watching;
  }
  return Math.max(most, await residentBytes(pid));
}
