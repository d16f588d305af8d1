import { createApp } from './app.setup.js';
import { createOpenApiDocument } from './http/openapi.js';
import { sayAndExit } from './say-and-exit.js';

// Prints the description of the API; needs no database, as nothing is started.
const app = await createApp({ NODE_ENV: 'test', LOG_LEVEL: 'error' });
sayAndExit(JSON.stringify(createOpenApiDocument(app), undefined, 2), 'stdout', 0);
