import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import supertest from 'supertest';
import { createApp } from '../../src/app.setup.js';
import type { Variables } from '../../src/config/configuration-error.js';
import { DatabaseConnection } from '../../src/database/database-connection.js';
import { expectToMatchOpenApi, openApiDocument } from './openapi.js';
import { patience } from './patience.js';

jest.setTimeout(120_000);

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const;
type Request = Record<(typeof methods)[number], (path: string) => supertest.Test>;

export interface TestApp {
  app: NestFastifyApplication;
  /** Where it listens, such as `http://127.0.0.1:40123` */
  url: string;
  /** supertest over real HTTP; every answer must be one that the OpenAPI document foresees */
  request: Request;
  close: () => Promise<void>;
}

interface TestAppOptions {
  /** Settings; nothing comes from the process's own environment or a `.env` file. Name DATABASE_URL. */
  env: Variables;
  /** Wait until the database is ready. Default: true */
  awaitDatabase?: boolean;
}

const settings: Variables = {
  NODE_ENV: 'test',
  HOST: '127.0.0.1',
  PORT: '0',
  LOG_LEVEL: 'error',
  ...patience,
  // It shares the event loop with the tests, which are late for reasons of their own: that is not overload.
  MAX_EVENT_LOOP_DELAY_MS: '0',
  MAX_REQUESTS_IN_FLIGHT: '1000',
  // A busy machine shall not look like a pool that is too small.
  DATABASE_QUEUE_TIMEOUT_MS: '5000',
};

/** The whole service in this process, listening on a free port. */
export async function startTestApp({ env, awaitDatabase = true }: TestAppOptions): Promise<TestApp> {
  const openapi = await openApiDocument();
  const app = await createApp({ ...settings, ...env });
  await app.listen(0, '127.0.0.1');
  const opening = app.get(DatabaseConnection).open();
  if (awaitDatabase) await opening;
  const url = await app.getUrl();
  return { app, url, request: checkedRequest(url, openapi), close: () => app.close() };
}

function checkedRequest(url: string, openapi: OpenAPIObject): Request {
  const plain = supertest(url);
  const checked = methods.map((method) => [
    method,
    (path: string) =>
      plain[method](path).expect((answer) => {
        expectToMatchOpenApi(openapi, method.toUpperCase(), path, answer);
      }),
  ]);
  return Object.fromEntries(checked) as Request;
}
