import { createApp } from './app.setup.js';
import { createOpenApiDocument } from './http/openapi.js';

// Prints the description of the API; needs no database, as nothing is started.
const app = await createApp({ NODE_ENV: 'test', LOG_LEVEL: 'error' });
process.stdout.write(JSON.stringify(createOpenApiDocument(app), undefined, 2), () => process.exit(0));
