// Child processes that never outlive the script that started them.
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';

/** As `nice -n 10`. */
const background = 10;

const running = new Set();
let isOver = false;

/**
 * Runs a command in a process group of its own and collects what it writes.
 *
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {{ env?: Record<string, string | undefined>, onOutput?: (chunk: Buffer) => void, timeoutMs?: number,
 * isBackground?: boolean }} [options] `isBackground`: takes what others leave of the processor
 * @returns {Promise<{ code: number, output: string }>} code -1 when it was killed or could not be started; never
 * settles after `endAll`, so that a script that is being ended starts nothing more
 */
export function run(command, parameters, { env, onOutput, timeoutMs = 30 * 60_000, isBackground } = {}) {
  return new Promise((settle) => {
    if (isOver) return;
    const child = spawn(command, parameters, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    if (isBackground && child.pid) setPriority(child.pid, background);
    const chunks = [];
    const collect = (chunk) => {
      if (onOutput) onOutput(chunk);
      else chunks.push(chunk);
    };
    const timer = setTimeout(() => {
      collect(Buffer.from(`\n${command} ran longer than ${timeoutMs / 1000} s and was ended.\n`));
      signalGroup(child.pid, 'SIGKILL');
    }, timeoutMs);
    const end = (code, extra = '') => {
      clearTimeout(timer);
      running.delete(child);
      if (!isOver) settle({ code, output: Buffer.concat(chunks).toString('utf8') + extra });
    };
    running.add(child);
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => {
      end(-1, `${error.message}\n`);
    });
    child.once('close', (code) => {
      end(code ?? -1);
    });
  });
}

/** Ends everything that `run` started: politely, then, after two seconds, for good. */
export async function endAll() {
  isOver = true;
  const groups = [...running].map(({ pid }) => pid).filter(Boolean);
  for (const pid of groups) signalGroup(pid, 'SIGTERM');
  const deadline = Date.now() + 2000;
  while (running.size > 0 && Date.now() < deadline) await new Promise((next) => setTimeout(next, 50));
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone.
  }
}
