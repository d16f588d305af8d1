import { randomUUID } from 'node:crypto';
import type { OpenAPIObject } from '@nestjs/swagger';
import fc from 'fast-check';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { type Operation, operationsOf } from '../fuzz/operations.js';
import { SchemaArbitrary, type Schema } from '../fuzz/schema-arbitrary.js';
import { type Answer, expectToMatchOpenApi, openApiDocument } from './openapi.js';
import { PlainClient, type PlainRequest } from './plain-client.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';
import { required } from './processes.js';
import { startTestApp, type TestApp } from './test-app.js';
import { idsOfStudent, peopleOfTwoCourses } from './two-courses.js';

/** `self` owns every thing of {@link AttackedApp.ids}, `other` is of another course; `root` is not in the database. */
export type Caller = 'root' | 'service' | 'teacher' | 'stranger' | 'self' | 'other' | 'nobody';

/** The service as callers see it. */
interface AskedApp {
  readonly app: TestApp;
  /** Sends as written, by default as `root`; the answer must be one that the document foresees. */
  ask(request: PlainRequest, caller?: Caller): Promise<Answer>;
  close(): Promise<void>;
}

export interface AttackedApp extends AskedApp {
  readonly database: TestDatabase;
  readonly document: OpenAPIObject;
  readonly operations: readonly Operation[];
  readonly schemas: SchemaArbitrary;
  /** Things of STU001 in PROG-101, by the name of a parameter. */
  readonly ids: Readonly<Record<string, string>>;
  /** The settings it was started with. */
  readonly env: Readonly<Record<string, string>>;
  tokenOf(caller: Caller): string | undefined;
  /** The same service on the same rows, with nothing kept: what it answers is the truth. */
  startWithoutCache(): Promise<AskedApp>;
  /** The path of an operation with ids of its own kind in it. */
  pathOf(operation: Operation): string;
  /** What the JSON of its body may hold, by name; nothing where it takes none. */
  fieldsOf(operation: Operation): Readonly<Record<string, Schema>>;
  /** A body with what must be in it and no more, about {@link ids}; the same in every run but for the time. */
  bodyOf(operation: Operation): Record<string, unknown>;
  /** Changes whenever any row of any table does, but for times of asking. */
  digest(): Promise<string>;
}

/** The whole service with two courses in its database, and a client that tidies nothing up. */
export async function startAttackedApp(env: Record<string, string> = {}): Promise<AttackedApp> {
  const document = await openApiDocument();
  const { all, resolve } = operationsOf(document);
  const database = await createTestDatabase();
  const facts = await peopleOfTwoCourses(database.dataSource);
  const variables = {
    DATABASE_URL: database.url,
    REDIS_URL: required('TEST_REDIS_URL'),
    CACHE_NAMESPACE: `attack-${randomUUID()}:`,
    // It shares one event loop with hundreds of requests: its Redis must not look slow.
    REDIS_COMMAND_TIMEOUT_MS: '1000',
    AUTH_JWT_SECRET: 'a-secret-of-this-test-and-nothing-else',
    ...env,
  };
  const token = (role: string, sub: string) =>
    mintToken(readEnvironment(variables), { role, sub, ttl: '1h' });
  const tokens: Record<Caller, string | undefined> = {
    root: await token('admin', 'someone@example.org'),
    service: await token('service', 'moodle'),
    teacher: await token('teacher', 'TEACH001'),
    stranger: await token('teacher', 'TEACH002'),
    self: await token('student', 'STU001'),
    other: await token('student', 'STU002'),
    nobody: undefined,
  };
  const ids = idsOfStudent(facts);
  const start = async (more: Record<string, string>): Promise<AskedApp> => {
    const app = await startTestApp({ env: { ...variables, ...more } });
    const client = new PlainClient(app.url, 8);
    return {
      app,
      async ask(request, caller = 'root') {
        const bearer = tokens[caller];
        const headers = {
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...request.headers,
        };
        const answer = await client.send({ ...request, headers });
        expectToMatchOpenApi(document, request.method ?? 'GET', request.path, answer);
        return answer;
      },
      async close() {
        client.close();
        await app.close();
      },
    };
  };
  const attacked = await start({});
  const schemas = new SchemaArbitrary(resolve);
  const schemaOf = ({ body }: Operation): Schema =>
    body?.schema.$ref === undefined ? (body?.schema ?? {}) : resolve(body.schema.$ref);
  return {
    ...attacked,
    database,
    document,
    operations: all,
    schemas,
    ids,
    env: variables,
    tokenOf: (caller) => tokens[caller],
    startWithoutCache: () => start({ CACHE_ENABLED: 'false' }),
    pathOf: ({ path }) => path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? name),
    fieldsOf: (operation) => schemaOf(operation).properties ?? {},
    bodyOf(operation) {
      const schema = schemaOf(operation);
      const [made] = fc.sample(schemas.valid(schema), { seed: 1, numRuns: 1 }) as Record<string, unknown>[];
      return Object.fromEntries((schema.required ?? []).map((name) => [name, ids[name] ?? made?.[name]]));
    },
    digest: () => digestOf(database),
    async close() {
      await attacked.close();
      await database.drop();
    },
  };
}

async function digestOf({ dataSource }: TestDatabase): Promise<string> {
  const tables: { name: string }[] = await dataSource.query(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN ('cache_outbox', 'cache_settled', 'cache_forgotten') ORDER BY 1`,
  );
  const sums = tables.map(
    ({ name }) =>
      `SELECT '${name}' AS name, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS sum FROM "${name}" t`,
  );
  return JSON.stringify(await dataSource.query(sums.join(' UNION ALL ')));
}
