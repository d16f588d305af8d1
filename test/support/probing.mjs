// Asks each of the addresses that it is told on and on whether it is alive, until told to stop; then tells its parent of every
// probe, with the times of the clock that all processes of the machine share. Ends with it.
import { setTimeout as wait } from 'node:timers/promises';

/** How long after an answer it asks again, ms. */
const PAUSE_MS = 50;
/** No answer for so long is none: it has the status 0. */
const PATIENCE_MS = 60_000;

let isOver = false;
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  isOver = true;
  void Promise.all(probing).then((all) => process.send(all));
});
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const probing = JSON.parse(process.argv[2]).map(async ({ url, anew }) => {
  const headers = anew ? { connection: 'close' } : {};
  const probes = [];
  do {
    const atMs = nowMs();
    const status = await fetch(`${url}/health/live`, {
      headers,
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).then(
      async (answer) => {
        await answer.text();
        return answer.status;
      },
      () => 0,
    );
    probes.push({ status, atMs, ms: nowMs() - atMs });
    if (probes.length === 1) process.send('begun');
    await wait(PAUSE_MS);
  } while (!isOver);
  return probes;
});
