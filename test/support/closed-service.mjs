// The whole service, which at SIGTERM is closed and nothing more: whatever of it is left keeps the process alive.
import { createApp } from '../../dist/app.setup.js';
import { DatabaseConnection } from '../../dist/database/database-connection.js';

const app = await createApp();
await app.listen(Number(process.env.PORT), '127.0.0.1');
process.once('SIGTERM', () => void app.close());
await app.get(DatabaseConnection).open();
