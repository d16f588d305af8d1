import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenAPIObject } from '@nestjs/swagger';
import { shapeHash } from '../../src/http/shape-hash.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type AppProcess, spawnApp, waitFor200 } from '../support/processes.js';

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

describe('the description of the API', () => {
  let database: TestDatabase;
  let app: AppProcess;
  let openapi: OpenAPIObject;

  beforeAll(async () => {
    database = await createTestDatabase();
    app = await spawnApp({ env: { DATABASE_URL: database.url } });
    await waitFor200(app, '/health/ready', 60_000);
    openapi = (await (await fetch(`${app.url}/api/v3/openapi.json`)).json()) as OpenAPIObject;
  });

  afterAll(async () => {
    await app.stop();
    await database.drop();
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

  it('is shown by Swagger UI', async () => {
    const page = await fetch(`${app.url}/api/v3/docs`);
    const html = await page.text();
    const script = await fetch(`${app.url}/api/v3/docs/swagger-ui-bundle.js`);

    expect(page.status).toBe(200);
    expect(html).toContain('swagger-ui');
    expect(script.status).toBe(200);
  });
});
