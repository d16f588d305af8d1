import { setTimeout as wait } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Environment } from '../config/environment.js';
import { ShutdownState } from '../health/shutdown-state.js';
import { AnsweredProblems } from '../http/answered-problems.js';
import type { LogRecord } from '../telemetry/log-catalogue.js';
import { stackWithoutWords } from '../telemetry/safe-text.js';
import { stopSignals } from './stop-signals.js';

/** A second signal within this time counts as the same: npm passes on a Ctrl-C that the terminal has sent, too. */
const echoMs = 500;
const sweepMs = 100;

/**
 * Stops the service so that no request fails: it looks unready but goes on serving (SHUTDOWN_GRACE_MS), lets requests in
 * flight finish (SHUTDOWN_DRAIN_MS), and closes what the modules opened, the database last. Begins at one of
 * {@link stopSignals}, with exit code 0, or at an error that nobody handles, with exit code 1. A second signal, or
 * SHUTDOWN_DEADLINE_MS, ends the process at once.
 */
export function stopInOrder(app: NestFastifyApplication): void {
  const logger = new Logger('Shutdown');
  const problems = app.get(AnsweredProblems, { strict: false });
  let begunAt: number | undefined;
  let hasFailed = false;
  const begin = () => {
    begunAt = performance.now();
    void stop(app, logger, () => {
      problems.tellRest();
      logger.log('🔌 Stopped');
      return hasFailed ? 1 : 0;
    });
  };
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (begunAt === undefined) {
        problems.tellRest();
        logger.log(`🔌 ${signal}: finishing what is in flight`);
        begin();
      } else if (performance.now() - begunAt > echoMs) {
        logger.error(`🔌 ${signal} while stopping: ended at once`);
        process.exit(1);
      }
    });
  }
  // Rejections that nobody handles come here, too.
  process.on('uncaughtException', (error: unknown) => {
    // Further errors may be consequences of the first, or come from the log itself.
    if (hasFailed) return;
    hasFailed = true;
    logger.error(unhandled(error));
    if (begunAt === undefined) begin();
  });
}

/** @param onStopped  gives the exit code */
async function stop(app: NestFastifyApplication, logger: Logger, onStopped: () => number): Promise<void> {
  const { SHUTDOWN_GRACE_MS, SHUTDOWN_DRAIN_MS, SHUTDOWN_DEADLINE_MS } = app.get(Environment);
  setTimeout(() => {
    logger.error(`🔌 Not stopped after SHUTDOWN_DEADLINE_MS (${SHUTDOWN_DEADLINE_MS}): ended at once`);
    process.exit(1);
  }, SHUTDOWN_DEADLINE_MS).unref();
  app.get(ShutdownState, { strict: false }).begin();

  await wait(SHUTDOWN_GRACE_MS);
  const server = app.getHttpServer();
  const drained = setTimeout(() => {
    logger.warn(`🔌 Requests still in flight after SHUTDOWN_DRAIN_MS (${SHUTDOWN_DRAIN_MS}) are cut off`);
    server.closeAllConnections();
  }, SHUTDOWN_DRAIN_MS);
  server.once('close', () => {
    clearTimeout(drained);
  });
  // A connection whose last answer is sent after the server has closed would stay open until its client closes it.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, sweepMs);
  try {
    await app.close();
    clearInterval(sweep);
    process.exit(onStopped());
  } catch (error) {
    logger.error(unhandled(error));
    process.exit(1);
  }
}

/** What failed, and where. Without the exception's text, which may hold anything. */
function unhandled(error: unknown): LogRecord {
  if (!isNativeError(error)) return { event: 'process.failed', reason: typeof error };
  const { name, code } = error as NodeJS.ErrnoException;
  const at = /^ {4}at (.+)$/m.exec(stackWithoutWords(error) ?? '')?.[1];
  return {
    event: 'process.failed',
    reason: name,
    ...(code === undefined ? {} : { error_code: code }),
    ...(at === undefined ? {} : { at }),
  };
}
