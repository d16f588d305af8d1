/** What a shell says of a process that the signal ended. */
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * Ends this process in order when it is told to, once: a terminal and npm may both pass the same signal on.
 *
 * @param {(signal: string) => Promise<void>} tidyUp  what has to happen before
 */
export function endOnSignal(tidyUp) {
  let isEnding = false;
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      if (isEnding) return;
      isEnding = true;
      void tidyUp(signal).finally(() => process.exit(code));
    });
  }
}
