import { createApp } from './app.setup.js';
import { Environment } from './config/environment.js';
import { DatabaseConnection } from './database/database-connection.js';
import { stopOnSignals } from './shutdown.js';
import { startBanner } from './start-banner.js';
import { startFailure } from './start-failure.js';

try {
  const app = await createApp();
  const environment = app.get(Environment);
  const { HOST, PORT } = environment;
  await app.listen(PORT, HOST);
  stopOnSignals(app);
  const database = app.get(DatabaseConnection);
  await database.open();
  if (database.isReady && environment.LOG_FORMAT === 'text') {
    process.stdout.write(startBanner(environment, Number(new URL(await app.getUrl()).port)));
  }
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`);
  process.exit(1);
}
