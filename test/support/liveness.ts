import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Answer } from './load.js';

/** What is probed: a connection is kept, or each probe makes a new one. */
interface Probed {
  readonly url: string;
  /** Default: false */
  readonly anew?: boolean;
}

/** Status 0: no answer. */
export type Probe = Pick<Answer, 'status' | 'atMs' | 'ms'>;

/**
 * Asks each of these on and on whether it is alive, from a process that does nothing else: what a test is busy with is not
 * charged to them. Resolves once each has answered, or has not.
 */
export async function probeLiveness(...probed: readonly Probed[]): Promise<{
  /** @returns the probes of each, in the order in which they were made */
  stop(): Promise<Probe[][]>;
}> {
  const targets = probed.map(({ url, anew = false }) => ({ url, anew }));
  const child = fork('test/support/probing.mjs', [JSON.stringify(targets)], { execArgv: [] });
  let begun = 0;
  await new Promise<void>((resolve, reject) => {
    child.on('exit', (code) => {
      reject(new Error(`the process that probes ended: ${code}`));
    });
    child.on('message', (message) => {
      if (message === 'begun' && ++begun === targets.length) resolve();
    });
  });
  // A test that fails meanwhile leaves it to end with its parent.
  child.unref();
  child.channel?.unref();
  return {
    async stop() {
      const ended = once(child, 'exit');
      const told = once(child, 'message') as Promise<[Probe[][]]>;
      child.send('stop');
      const [all] = await Promise.race([
        told,
        ended.then(([code]) => Promise.reject(new Error(`the process that probes ended: ${code}`))),
      ]);
      child.disconnect();
      await ended;
      const aheadMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
      return all.map((probes) => probes.map(({ atMs, ...probe }) => ({ ...probe, atMs: atMs - aheadMs })));
    },
  };
}

/** How long the slowest took of those that were answered in that time, ms; `-Infinity` if there was none. */
export function slowestProbeMs(probes: readonly Probe[], fromMs = 0, toMs = Infinity): number {
  const answered = probes.filter(({ atMs, ms }) => atMs + ms >= fromMs && atMs + ms < toMs);
  return Math.max(...answered.map(({ ms }) => ms));
}
