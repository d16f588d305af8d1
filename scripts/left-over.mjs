// Processes that tests left behind: those started with the mark of this run, or working on its folder.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Ends every process whose environment, command line or, on Linux, folder holds `mark`, which must be unique to this run.
 *
 * @param {string} mark
 * @returns {Promise<string[]>} their command lines
 */
export async function endLeftOver(mark) {
  const found = find(mark);
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    for (const { pid } of find(mark)) {
      try {
        process.kill(pid, signal);
        process.kill(pid, 'SIGCONT');
      } catch {
        // It is gone.
      }
    }
    for (let tries = 0; tries < 40 && find(mark).length > 0; tries++) await wait(50);
  }
  return found.map(({ commandLine }) => commandLine);
}

function find(mark) {
  const all = process.platform === 'linux' ? fromProc() : fromPs();
  return all.filter(({ pid, traits }) => pid !== process.pid && traits.includes(mark));
}

function fromProc() {
  const orNothing = (read) => {
    try {
      return read();
    } catch {
      return '';
    }
  };
  const read = (pid, name) =>
    orNothing(() => readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll('\0', ' ').trim());
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      const commandLine = read(pid, 'cmdline');
      // Redis writes its title over what it was started with, and over its environment. Whoever else stands there has to go, too.
      const folder = orNothing(() => readlinkSync(`/proc/${pid}/cwd`));
      return { pid: Number(pid), commandLine, traits: `${commandLine} ${read(pid, 'environ')} ${folder}` };
    })
    .filter(({ commandLine }) => commandLine !== '');
}

function fromPs() {
  const { stdout } = spawnSync('ps', ['-axo', 'pid=,command='], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').map((line) => {
    const [, pid, commandLine] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [undefined, '0', ''];
    return { pid: Number(pid), commandLine, traits: commandLine };
  });
}
