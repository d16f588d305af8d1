import { createApp } from './app.setup.js';
import { Environment } from './config/environment.js';
import { DatabaseConnection } from './database/database-connection.js';
import { stopOnSignals } from './shutdown.js';
import { startFailure } from './start-failure.js';

try {
  const app = await createApp();
  const { HOST, PORT } = app.get(Environment);
  await app.listen(PORT, HOST);
  stopOnSignals(app);
  await app.get(DatabaseConnection).open();
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`);
  process.exit(1);
}
