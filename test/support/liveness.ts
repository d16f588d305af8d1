import { setTimeout as wait } from 'node:timers/promises';

interface Liveness {
  readonly statuses: ReadonlySet<number>;
  readonly slowestMs: number;
}

/** Asks each of these processes on and on whether it is alive, until told to stop. */
export function probeLiveness(...processes: readonly { readonly url: string }[]): {
  stop(): Promise<Liveness>;
} {
  const statuses = new Set<number>();
  let [isOver, slowestMs] = [false, 0];
  const probing = Promise.all(
    processes.map(async ({ url }) => {
      while (!isOver) {
        const atMs = performance.now();
        const answer = await fetch(`${url}/health/live`);
        await answer.text();
        statuses.add(answer.status);
        slowestMs = Math.max(slowestMs, performance.now() - atMs);
        await wait(50);
      }
    }),
  );
  return {
    async stop() {
      isOver = true;
      await probing;
      return { statuses, slowestMs };
    },
  };
}
