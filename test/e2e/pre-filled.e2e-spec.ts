import { randomUUID } from 'node:crypto';
import type { OpenAPIObject } from '@nestjs/swagger';
import { mintToken } from '../../src/access/mint-token.js';
import { readEnvironment } from '../../src/config/read-environment.js';
import { loadPreset } from '../../src/datasets/load-preset.js';
import { type Operation, operationsOf, type Parameter } from '../fuzz/operations.js';
import type { Resolve, Schema } from '../fuzz/schema-arbitrary.js';
import { type Answer, expectToMatchOpenApi, openApiDocument } from '../support/openapi.js';
import { PlainClient } from '../support/plain-client.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { required } from '../support/processes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

let database: TestDatabase;
let app: TestApp;
let client: PlainClient;
let document: OpenAPIObject;
let operations: Operation[];
let resolve: Resolve;
let authorization: string;

beforeAll(async () => {
  document = await openApiDocument();
  ({ all: operations, resolve } = operationsOf(document));
  database = await createTestDatabase();
  await loadPreset(database.dataSource, { preset: 'demo', asOf: new Date() });
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: required('TEST_REDIS_URL'),
    CACHE_NAMESPACE: `pre-filled-${randomUUID()}:`,
    AUTH_JWT_SECRET: 'a-secret-of-this-test-and-nothing-else',
  };
  const token = { role: 'admin', sub: 'someone@example.org', ttl: '1h' };
  authorization = `Bearer ${await mintToken(readEnvironment(env), token)}`;
  app = await startTestApp({ env });
  client = new PlainClient(app.url);
});

afterAll(async () => {
  client.close();
  await app.close();
  await database.drop();
});

/** What Swagger UI writes into the field of a parameter before anybody has typed. */
function preFilled({ name, in: place, example, schema }: Parameter): [name: string, value: string][] {
  const value = (example ?? schema.example ?? schema.default) as string | number | boolean | undefined;
  if (value !== undefined) return [[name, String(value)]];
  return place === 'path' ? [[name, name]] : [];
}

/** What Swagger UI writes into the field of a body: the example of each part that has one. */
function sample(schema: Schema): unknown {
  if (schema.$ref !== undefined) return sample(resolve(schema.$ref));
  if (schema.example !== undefined || !schema.properties) return schema.example;
  return Object.fromEntries(Object.entries(schema.properties).map(([name, part]) => [name, sample(part)]));
}

/** "Execute", with nothing changed but what is told. */
async function execute(
  operation: Operation,
  change: (body: unknown) => unknown = (body) => body,
): Promise<Answer> {
  const values = (place: Parameter['in']) =>
    Object.fromEntries(operation.parameters.filter((one) => one.in === place).flatMap(preFilled));
  const inPath = values('path');
  const query = new URLSearchParams(values('query')).toString();
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(inPath[name]!));
  const { method, body } = operation;
  const filled = change(body && (body.example ?? sample(body.schema)));
  const answer = await client.send({
    method,
    path: query === '' ? path : `${path}?${query}`,
    headers: { authorization, ...(body ? { 'content-type': body.type } : {}), ...values('header') },
    body: typeof filled === 'string' ? filled : JSON.stringify(filled),
  });
  expectToMatchOpenApi(document, method, path, answer);
  return answer;
}

/** Those that are not answered well, with what they are told. */
async function failing(some: readonly Operation[], isWell: (answer: Answer) => boolean): Promise<string[]> {
  const found: string[] = [];
  for (const operation of some) {
    const answer = await execute(operation);
    if (!isWell(answer))
      found.push(`${operation.name}: ${answer.status} ${(answer.text ?? '').slice(0, 300)}`);
  }
  return found;
}

const isEmptyList = ({ body }: Answer) => {
  const { data } = body as { data?: unknown };
  return Array.isArray(data) && data.length === 0;
};

it('what may be left out is not filled in before it is known what for: header fields and cursors', () => {
  const filled = operations.flatMap((operation) =>
    operation.parameters
      .filter(({ name, in: place, required }) => name === 'cursor' || (place === 'header' && !required))
      .filter((parameter) => preFilled(parameter).length > 0)
      .map(({ name }) => `${operation.name}: ${name}`),
  );

  expect(filled).toEqual([]);
});

it('each thing to read is shown as its examples ask for it, and no list of the demo is empty', async () => {
  const reading = operations.filter(({ method }) => method === 'GET');

  expect(reading.length).toBeGreaterThan(15);
  expect(
    await failing(reading, (answer) => [200, 204, 304].includes(answer.status) && !isEmptyList(answer)),
  ).toEqual([]);
});

it('a 201 says where the new thing is read, but for what no route reads', async () => {
  // Beside what the examples make.
  const others = {
    'POST /api/v3/users': { user_id: 'STU902', email: undefined },
    'POST /api/v3/courses': { course_id: 'PROG-103' },
    'POST /api/v3/courses/{course_id}/activities': { activity_id: 'PROG-101-B02' },
    'POST /api/v3/enrollments': { user_id: 'STU062' },
    'POST /api/v3/sessions': { session_id: 'S-0002', client_id: undefined },
    'POST /api/v3/submissions': {},
  };
  const creating = operations.filter(({ statuses }) => statuses.includes(201));
  const located = creating.filter(({ fields }) => fields.get(201)?.has('location'));

  const found: unknown[] = [];
  for (const operation of located) {
    const other = others[operation.name as keyof typeof others];
    const { status, headers } = await execute(operation, (body) => ({ ...(body as object), ...other }));
    const read = await client.send({ path: headers.location ?? '/none', headers: { authorization } });
    found.push([operation.name, status, read.status]);
  }

  expect(found).toEqual(Object.keys(others).map((name) => [name, 201, 200]));
  expect(creating.filter((one) => !located.includes(one)).map(({ name }) => name)).toEqual([
    'POST /api/v3/sessions/{session_id}/messages',
    'POST /api/v3/events',
  ]);
});

it('each write is taken as its examples say it, and leaves the course of the demo its dates', async () => {
  const course = async () => {
    const { body } = await client.send({ path: '/api/v3/courses/PROG-101', headers: { authorization } });
    const { starts_at, ends_at, pass_mark } = body as Record<string, unknown>;
    return { starts_at, ends_at, pass_mark };
  };
  const before = await course();
  // What changes and deletes comes after what needs it as it was.
  const order = ['PUT', 'POST', 'PATCH', 'DELETE'];
  const writing = operations
    .filter(({ method }) => method !== 'GET')
    .sort((one, other) => order.indexOf(one.method) - order.indexOf(other.method));

  expect(writing.length).toBeGreaterThan(15);
  expect(await failing(writing, ({ status }) => status < 300)).toEqual([]);

  expect(before.pass_mark).toEqual(expect.any(Number));
  expect(await course()).toEqual(before);
});
