import { createApp } from '../app.setup.js';
import { createOpenApiDocument } from '../http/openapi.js';
import { runCommand, success, type Outcome } from './run-command.js';

/** Prints the description of the API; needs no database, as nothing is started. */
async function main(): Promise<Outcome> {
  const app = await createApp({ NODE_ENV: 'test', LOG_LEVEL: 'error' });
  return success(JSON.stringify(createOpenApiDocument(app), undefined, 2));
}

await runCommand(main);
