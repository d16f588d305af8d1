import { startIsOver } from './stop-while-starting.js';
import { Logger } from '@nestjs/common';
import { createApp } from '../app.setup.js';
import { Environment } from '../config/environment.js';
import { DatabaseConnection } from '../database/database-connection.js';
import { ShutdownState } from '../health/shutdown-state.js';
import { listenForProbes } from '../http/probe-port.js';
import { stopInOrder } from './shutdown.js';
import { cacheWithoutRedis, startBanner } from './start-banner.js';
import { startFailure } from './start-failure.js';

process.on('uncaughtException', failToStart);
try {
  const app = await createApp();
  const environment = app.get(Environment);
  const { HOST, PORT, HEALTH_PORT } = environment;
  await app.listen(PORT, HOST);
  if (HEALTH_PORT !== undefined) await listenForProbes(app, HEALTH_PORT, HOST);
  const { port } = new URL(await app.getUrl());
  stopInOrder(app);
  startIsOver();
  process.off('uncaughtException', failToStart);
  const database = app.get(DatabaseConnection);
  const shutdown = app.get(ShutdownState, { strict: false });
  await database.open();
  if (database.isReady && !shutdown.hasBegun) {
    const line = cacheWithoutRedis(environment);
    if (environment.LOG_FORMAT === 'text') process.stdout.write(startBanner(environment, Number(port)));
    else if (line) new Logger('Cache').log(line);
  }
} catch (error) {
  failToStart(error);
}

function failToStart(error: unknown): void {
  process.stderr.write(`${startFailure(error)}\n`);
  process.exit(1);
}
