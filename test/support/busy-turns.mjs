// Loaded into the service, where from one SIGUSR2 to the next each turn of its loop takes 400 ms, for half a minute at most.
const TURN_MS = 400;
const LONGEST_MS = 30_000;
let endMs = 0;

process.on('SIGUSR2', () => {
  const isBusy = performance.now() < endMs;
  endMs = isBusy ? 0 : performance.now() + LONGEST_MS;
  const turn = () => {
    if (performance.now() >= endMs) return;
    for (const untilMs = performance.now() + TURN_MS; performance.now() < untilMs;);
    setImmediate(turn);
  };
  if (!isBusy) turn();
});
