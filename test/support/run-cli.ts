import { spawn } from 'node:child_process';

interface CliResult {
  code: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Starts a built command line (`dist/bundle/<script>`); `stderr` is what it has written there so far, `ended` resolves when it is gone. */
export function startCli(script: string, words: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [`dist/bundle/${script}`, ...words], {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'test', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const ended = new Promise<CliResult>((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      settle({ code: code ?? signal, stdout, stderr });
    });
  });
  return { ended, stderr: () => stderr, signal: (name: NodeJS.Signals) => child.kill(name) };
}

/** Runs a built command line to its end. */
export function runCli(
  script: string,
  words: readonly string[],
  env: Record<string, string>,
): Promise<CliResult> {
  return startCli(script, words, env).ended;
}
