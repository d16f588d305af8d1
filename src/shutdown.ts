import { setTimeout as wait } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Environment } from './config/environment.js';
import { ShutdownState } from './health/shutdown-state.js';

/** npm passes Ctrl-C on to a process that got it from the terminal already: that is one signal, not two. */
const echoMs = 500;
const sweepMs = 100;

/**
 * Stops the service so that no request fails: look unready and serve on (SHUTDOWN_GRACE_MS), let requests in
 * flight finish (SHUTDOWN_DRAIN_MS), close what the modules opened, the database last. A second signal, or
 * SHUTDOWN_DEADLINE_MS, ends the process at once.
 */
export function stopOnSignals(app: NestFastifyApplication): void {
  let begunAt: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (begunAt === undefined) {
        begunAt = performance.now();
        void stop(app, signal);
      } else if (performance.now() - begunAt > echoMs) {
        process.exit(1);
      }
    });
  }
}

async function stop(app: NestFastifyApplication, signal: NodeJS.Signals): Promise<void> {
  const environment = app.get(Environment);
  const logger = new Logger('Shutdown');
  setTimeout(() => process.exit(1), environment.SHUTDOWN_DEADLINE_MS).unref();
  app.get(ShutdownState, { strict: false }).begin();
  logger.log(`🔌 ${signal}: finishing what is in flight`);

  await wait(environment.SHUTDOWN_GRACE_MS);
  const server = app.getHttpServer();
  const drained = setTimeout(() => {
    server.closeAllConnections();
  }, environment.SHUTDOWN_DRAIN_MS);
  // A connection whose last answer went out after the server closed would stay until its client lets go of it.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, sweepMs);
  try {
    await app.close();
    clearTimeout(drained);
    clearInterval(sweep);
    logger.log('🔌 Stopped');
    process.exit(0);
  } catch {
    process.exit(1);
  }
}
