import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import supertest from 'supertest';
import { createApp } from '../../src/app.setup.js';
import type { Variables } from '../../src/config/configuration-error.js';
import { DatabaseConnection } from '../../src/database/database-connection.js';

export interface TestApp {
  app: NestFastifyApplication;
  /** Where it listens, such as `http://127.0.0.1:40123` */
  url: string;
  /** supertest over real HTTP */
  request: ReturnType<typeof supertest>;
  close(): Promise<void>;
}

interface TestAppOptions {
  /** Settings; nothing comes from the process's own environment or a `.env` file. Name DATABASE_URL. */
  env: Variables;
  /** Wait until the database is ready. Default: true */
  awaitDatabase?: boolean;
}

/** The whole service in this process, listening on a free port. */
export async function startTestApp({ env, awaitDatabase = true }: TestAppOptions): Promise<TestApp> {
  const app = await createApp({ NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'error', ...env });
  await app.listen(0, '127.0.0.1');
  const opening = app.get(DatabaseConnection).open();
  if (awaitDatabase) await opening;
  const url = await app.getUrl();
  return {
    app,
    url,
    request: supertest(url),
    close: () => app.close(),
  };
}
