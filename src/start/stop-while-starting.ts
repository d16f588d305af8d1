const signals = ['SIGTERM', 'SIGINT'] as const;

/*
 * Process 1, such as that of a container, is deaf to these signals as long as nothing listens to them, and is killed when
 * the patience of whoever stops it ends. Nothing has begun yet that would have to be finished.
 */
for (const signal of signals) process.on(signal, stop);

/** Leaves the signals to whoever stops a service that has started. */
export function startIsOver(): void {
  for (const signal of signals) process.off(signal, stop);
}

function stop(): void {
  process.exit(0);
}
