import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenAPIObject } from '@nestjs/swagger';
import { modelVersion } from '../../src/analytics/risk/risk-model.js';
import { shapeHash } from '../../src/http/shape-hash.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, freePort, pollUntil, spawnApp, waitFor200 } from '../support/processes.js';
import { rawRequest } from '../support/raw-request.js';

jest.setTimeout(120_000);

interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  [word: string]: unknown;
}

const plainTypes = ['string', 'number', 'integer', 'boolean'];
const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

const MAX_CONNECTIONS = 10;

let database: TestDatabase;
let app: AppProcess;
let port: number;

beforeAll(async () => {
  database = await createTestDatabase();
  port = await freePort();
  app = await spawnApp({
    env: {
      DATABASE_URL: database.url,
      HEALTH_PORT: String(port),
      MAX_CONNECTIONS: String(MAX_CONNECTIONS),
      SHUTDOWN_GRACE_MS: '200',
      SHUTDOWN_DRAIN_MS: '20000',
      SHUTDOWN_DEADLINE_MS: '30000',
    },
  });
  await waitFor200(app, '/health/ready', 60_000);
});

afterAll(async () => {
  await app.stop();
  await database.drop();
});

describe('the description of the API', () => {
  let openapi: OpenAPIObject;

  beforeAll(async () => {
    openapi = (await (await fetch(`${app.url}/api/v3/openapi.json`)).json()) as OpenAPIObject;
  });

  const operations = () =>
    Object.entries(openapi.paths).flatMap(([path, item]) =>
      methods.flatMap((method) =>
        item[method] ? [{ name: `${method} ${path}`, operation: item[method] }] : [],
      ),
    );
  const schemas = () => Object.entries(openapi.components?.schemas ?? {}) as [string, Schema][];

  it('is OpenAPI 3.1, and describes the routes under their real paths', () => {
    expect(openapi.openapi).toBe('3.1.0');
    expect(Object.keys(openapi.paths)).toEqual(
      expect.arrayContaining([
        '/',
        '/health',
        '/health/live',
        '/api/v3/users/{user_id}',
        '/api/v3/system/stats',
      ]),
    );
  });

  it('says of every write how it tells that others may not know of it yet', () => {
    const silent = operations().filter(({ name, operation }) => {
      const answers = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
      const isTold = answers.every(
        ([, answer]) => 'X-Cache-Invalidation' in ((answer as { headers?: object }).headers ?? {}),
      );
      return !name.startsWith('get ') && !isTold;
    });

    expect(silent.map(({ name }) => name)).toEqual(['post /api/v3/system/redis/test']);
  });

  it('uses only schemas that it defines, and defines only what JSON Schema can read', () => {
    const text = JSON.stringify(openapi);
    const used = new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!));
    const ajv = new Ajv2020({ strict: false, validateFormats: false });

    expect([...used].filter((name) => openapi.components?.schemas?.[name] === undefined)).toEqual([]);
    for (const [name, schema] of schemas()) expect([name, ajv.validateSchema(schema)]).toEqual([name, true]);
    expect(text).not.toContain('"nullable"');
  });

  it('names the model in the schema of what it has rated, so that another model’s answers have another shape', () => {
    const named = schemas().flatMap(([name, { properties }]) => {
      const version = properties?.model_version;
      return version ? [[name, version.enum]] : [];
    });

    expect(Object.fromEntries(named)).toEqual({
      CourseAnalyticsDto: [modelVersion],
      StudentRiskDto: [modelVersion],
    });
  });

  it('says of every operation what it does and how it answers', () => {
    const bare = operations()
      .filter(({ operation }) => !operation.summary && !operation.description)
      .map(({ name }) => name);

    expect(bare).toEqual([]);
    for (const { name, operation } of operations()) {
      expect([name, Object.keys(operation.responses).some((status) => status.startsWith('2'))]).toEqual([
        name,
        true,
      ]);
      expect([name, 'default' in operation.responses]).toEqual([name, true]);
    }
  });

  it('gives every field a description, and every plain field an example', () => {
    const wanting = schemas().flatMap(([name, { properties = {} }]) =>
      Object.entries(properties).flatMap(([field, schema]) => {
        const types = [schema.type].flat();
        // The Swagger plugin drops the example `null`.
        const isPlain = types.some((type) => plainTypes.includes(type ?? '')) && !types.includes('null');
        const faults = [];
        if (!schema.description && !schema.$ref && !schema.allOf) faults.push('description');
        if (isPlain && schema.example === undefined && schema.examples === undefined) faults.push('example');
        return faults.map((fault) => `${name}.${field}: no ${fault}`);
      }),
    );

    expect(wanting).toEqual([]);
  });

  it('says what each group of routes is about, by a name that can be part of an address', () => {
    const used = new Set(operations().flatMap(({ operation }) => operation.tags ?? []));
    const described = openapi.tags?.filter(({ description }) => description).map(({ name }) => name);

    expect(operations().filter(({ operation }) => operation.tags?.length !== 1)).toEqual([]);
    expect(described?.toSorted()).toEqual([...used].toSorted());
    for (const name of used) expect(name).toMatch(/^[a-z-]+$/);
  });

  it('spells enrollment in its texts as in its paths', () => {
    expect(JSON.stringify(openapi).match(/.{40}\benrol(s|ments?)?\b/gi)).toBeNull();
  });

  it('leaves no object without its fields', () => {
    const vague: string[] = [];
    const walk = (path: string, schema: Schema): void => {
      const isObject = [schema.type].flat().includes('object');
      const words = ['properties', 'additionalProperties', 'allOf', 'anyOf', 'oneOf', '$ref'];
      if (isObject && !words.some((word) => schema[word] !== undefined)) vague.push(path);
      for (const [field, inner] of Object.entries(schema.properties ?? {})) walk(`${path}.${field}`, inner);
      if (schema.items) walk(`${path}[]`, schema.items);
    };

    for (const [name, schema] of schemas()) walk(name, schema);

    expect(vague).toEqual([]);
  });

  it('asks for a bearer token everywhere but at the front and at the probes', () => {
    expect(openapi.components?.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
    expect(openapi.security).toEqual([{ bearer: [] }]);
    const open = operations().filter(({ operation }) => operation.security?.length === 0);
    expect(open.map(({ name }) => name).sort()).toEqual([
      'get /',
      'get /health',
      'get /health/live',
      'get /health/ready',
      'get /health/startup',
      'get /metrics',
    ]);
  });

  it('names the form of every cached answer', () => {
    const cached = operations().filter(({ operation }) => '304' in operation.responses);

    expect(cached.length).toBeGreaterThan(3);
    for (const { name, operation } of cached)
      expect([name, shapeHash(openapi, operation.operationId ?? '')]).toEqual([
        name,
        expect.stringMatching(/^[0-9a-f]{12}$/),
      ]);
    expect(app.output()).not.toContain('names the form of what');
  });

  it('lets a caller of any answer that may be a 304 say what it holds', () => {
    const deaf = operations().filter(
      ({ operation }) =>
        '304' in operation.responses &&
        !operation.parameters?.some((one) => 'name' in one && one.name === 'If-None-Match'),
    );

    expect(deaf.map(({ name }) => name)).toEqual([]);
  });

  it('names the header fields that an answer carries for its status, whichever the route', () => {
    const fields: Record<string, string[]> = {
      401: ['WWW-Authenticate'],
      429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
      503: ['Retry-After'],
      default: ['Allow'],
    };
    const wanting = operations().flatMap(({ name, operation }) =>
      Object.entries(operation.responses).flatMap(([status, response]) => {
        const { headers = {} } = response as { headers?: object };
        return ['X-Request-Id', ...(fields[status] ?? [])]
          .filter((field) => !(field in headers))
          .map((field) => `${name} ${status}: ${field}`);
      }),
    );

    expect(wanting).toEqual([]);
  });

  it('tells a program all words that X-Cache can be, and people too', () => {
    const words = operations().flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap((response) => {
        const { headers = {} } = response as { headers?: Record<string, { schema: Schema }> };
        return headers['X-Cache'] ? [headers['X-Cache'].schema.enum] : [];
      }),
    );

    expect(words.length).toBeGreaterThan(6);
    for (const word of words) expect(word).toEqual(['HIT', 'MISS', 'STALE', 'BYPASS']);
    expect(openapi.info.description).toMatch(/`HIT`.*`MISS`.*`STALE`.*`BYPASS`/);
  });

  it('is shown by Swagger UI', async () => {
    const page = await fetch(`${app.url}/api/v3/docs`);
    const html = await page.text();
    const script = await fetch(`${app.url}/api/v3/docs/swagger-ui-bundle.js`);

    expect(page.status).toBe(200);
    expect(html).toContain('swagger-ui');
    expect(script.status).toBe(200);
  });
});

/** On a connection of its own, as probes ask. */
const ask = (path: string, on = port, method = 'GET') =>
  fetch(`http://127.0.0.1:${on}${path}`, { method, headers: { connection: 'close' } });

it.each(['/health', '/health/live', '/health/ready', '/health/startup', '/metrics'])(
  'HEALTH_PORT serves %s as the service’s own port does',
  async (path) => {
    const [here, there] = await Promise.all([ask(path), ask(path, app.port)]);

    expect([here.status, there.status]).toEqual([200, 200]);
    const names = ({ headers }: Response) => [...headers.keys()].filter((name) => name !== 'content-length');
    expect(names(here)).toEqual(names(there));
    expect(await here.text()).not.toBe('');
    await there.text();
  },
);

it.each([
  ['GET', '/'],
  ['GET', '/api/v3/system/info'],
  ['POST', '/api/v3/users'],
  ['GET', '/healthy'],
])('HEALTH_PORT has no %s %s', async (method, path) => {
  const answer = await ask(path, port, method);

  expect(answer.status).toBe(404);
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await answer.json()).toMatchObject({ code: 'not_found', instance: path });
});

it.each([
  ['/health/live', 200],
  ['/nothing', 404],
])('HEALTH_PORT takes an absolute address for what it leads to: %s', async (path, status) => {
  const client = request({
    port,
    host: '127.0.0.1',
    path: `http://x${path}`,
    headers: { connection: 'close' },
  });
  const [answer] = (await once(client.end(), 'response')) as [IncomingMessage];
  answer.resume();

  expect(answer.statusCode).toBe(status);
});

it('HEALTH_PORT answers a probe that expects what nobody knows like any other', async () => {
  const { status, headers } = await rawRequest(`http://127.0.0.1:${port}/health/live`, {
    headers: { expect: 'something', connection: 'close' },
  });

  expect(status).toBe(200);
  expect(headers['x-request-id']).toMatch(/./);
});

it('HEALTH_PORT counts what it refuses', async () => {
  const refused = async () => {
    const text = await (await ask('/metrics')).text();
    return Number(/^http_problems_total\{code="not_found"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await refused();

  await (await ask('/nothing')).text();

  await pollUntil(async () => (await refused()) > before, 5000);
});

it('HEALTH_PORT answers probes when the service takes no more connections', async () => {
  const taken = Array.from({ length: 2 * MAX_CONNECTIONS }, () =>
    connect(app.port, '127.0.0.1').on('error', () => undefined),
  );
  try {
    await pollUntil(async () => {
      const refused = await ask('/health/live', app.port).then(
        () => false,
        () => true,
      );
      return refused;
    }, 10_000);

    expect((await ask('/health/live')).status).toBe(200);
    expect((await ask('/health/ready')).status).toBe(200);
  } finally {
    for (const socket of taken) socket.destroy();
  }
});

it('the start fails in one line that names HEALTH_PORT where something else listens there', async () => {
  const second = await spawnApp({ env: { DATABASE_URL: database.url, HEALTH_PORT: String(port) } });

  expect(await second.ended).toBe(1);
  expect(second.output().trim().split('\n').at(-1)).toMatch(
    new RegExp(`^Port ${port} is busy: .*HEALTH_PORT=`),
  );
});

it('HEALTH_PORT says that the service is stopping also when that takes no more connections', async () => {
  const unfinished = connect(app.port, '127.0.0.1').on('error', () => undefined);
  unfinished.write(
    'POST /api/v3/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  );
  await pollUntil(async () => (await ask('/health/live', app.port)).status === 200, 10_000);
  app.signal('SIGTERM');

  const isClosed = () =>
    ask('/health/live', app.port).then(
      () => false,
      () => true,
    );
  await pollUntil(isClosed, 10_000);
  expect((await ask('/health/ready')).status).toBe(503);
  expect((await ask('/health/live')).status).toBe(200);
  unfinished.destroy();
  expect(await app.ended).toBe(0);
});
