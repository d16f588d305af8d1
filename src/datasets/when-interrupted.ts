/** What a shell says of a process that the signal ended. */
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
/** A second signal within this time counts as the same: npm passes on a Ctrl-C that the terminal has sent, too. */
const echoMs = 500;

/**
 * Runs `leave` at Ctrl-C, SIGTERM or when the terminal is closed, then ends the process. Whoever insists later than an echo comes
 * has it ended at once.
 *
 * @returns ends that
 */
export function whenInterrupted(leave: () => Promise<void>): () => void {
  let leavingSinceMs: number | undefined;
  const interrupt = (signal: keyof typeof codes): void => {
    if (leavingSinceMs === undefined) {
      leavingSinceMs = performance.now();
      void leave().finally(() => process.exit(codes[signal]));
    } else if (performance.now() - leavingSinceMs > echoMs) process.exit(codes[signal]);
  };
  const signals = Object.keys(codes) as (keyof typeof codes)[];
  for (const signal of signals) process.on(signal, interrupt);
  return () => {
    for (const signal of signals) process.off(signal, interrupt);
  };
}
