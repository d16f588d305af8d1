// Loaded into the service, where from SIGUSR2 on each turn of its loop takes 400 ms, for three seconds.
const TURN_MS = 400;
const FOR_MS = 3000;

process.on('SIGUSR2', () => {
  const endMs = performance.now() + FOR_MS;
  const turn = () => {
    const untilMs = performance.now() + TURN_MS;
    while (performance.now() < untilMs);
    if (untilMs < endMs) setImmediate(turn);
  };
  turn();
});
