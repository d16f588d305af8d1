import { stopSignals } from './stop-signals.js';

/*
 * Process 1, such as that of a container, ignores these signals unless something listens to them, and so would be killed only
 * after a while. It can stop at once: nothing has begun yet that would have to be finished.
 */
for (const signal of stopSignals) process.on(signal, stop);

/** From here on the signals are handled by what stops a started service. */
export function startIsOver(): void {
  for (const signal of stopSignals) process.off(signal, stop);
}

function stop(): void {
  process.exit(0);
}
