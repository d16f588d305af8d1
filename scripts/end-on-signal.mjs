/** What a shell says of a process that the signal ended. */
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
/** The same signal, passed on by another. */
const ECHO_MS = 500;

/**
 * Ends this process in order when it is told to, once: a terminal and npm may both pass the same signal on. Whoever insists
 * later than that has it ended at once.
 *
 * @param {(signal: string) => Promise<void>} tidyUp  what has to happen before
 */
export function endOnSignal(tidyUp) {
  let endingSinceMs;
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      if (performance.now() - endingSinceMs > ECHO_MS) process.exit(code);
      if (endingSinceMs !== undefined) return;
      endingSinceMs = performance.now();
      void tidyUp(signal).finally(() => process.exit(code));
    });
  }
}
