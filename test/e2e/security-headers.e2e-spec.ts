import { runInNewContext } from 'node:vm';
import { expectHit } from '../../src/cache/testing/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const AUTH_JWT_SECRET = 'a-secret-of-this-test-and-nothing-else';
const expected = {
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

let database: TestDatabase;
let service: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  service = await startTestApp({ env: { DATABASE_URL: database.url } });
});

afterAll(async () => {
  await service.close();
  await database.drop();
});

it.each([
  ['an answer', '/', 200],
  ['a probe', '/health/live', 200],
  ['an unknown path', '/nothing', 404],
  ['a path that cannot be read', '/api/v3/users/%ff', 400],
  ['an error', '/api/v3/users/NOBODY', 404],
  ['a miss of the cache', '/api/v3/system/stats', 200],
  ['a hit of the cache', '/api/v3/system/stats', 200],
])('%s carries the security headers', async (what, path, status) => {
  const answer = await service.request.get(path);

  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject(expected);
  if (what.startsWith('a hit')) expectHit(answer);
});

it('an answer without a body carries them too', async () => {
  const { headers } = await service.request.get('/api/v3/system/stats');

  const answer = await service.request.get('/api/v3/system/stats').set('if-none-match', headers.etag!);

  expect(answer.status).toBe(304);
  expect(answer.headers).toMatchObject(expected);
});

it('A11: lets Swagger UI run its own scripts and no other', async () => {
  const page = await service.request.get('/api/v3/docs');
  const policy = page.headers['content-security-policy'];

  expect(policy).toContain("script-src 'self';");
  expect(page.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  expect(policy).not.toContain('upgrade-insecure-requests');
  const scripts = [...page.text.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)];
  expect(scripts.length).toBeGreaterThan(0);
  for (const [, attributes, code] of scripts) {
    expect(attributes).toContain('src=');
    expect(code!.trim()).toBe('');
  }
  expect(page.text).not.toMatch(/ on\w+=/);
});

it.each<[string, string, string, string]>([
  ['its own example of lines', 'application/x-ndjson', JSON.stringify('{"a":"1"}\n{}\n'), '{"a":"1"}\n{}\n'],
  ['lines as somebody wrote them', 'application/x-ndjson', '{"a":"1"}\n', '{"a":"1"}\n'],
  ['half of the quotes', 'application/x-ndjson', '"{', '"{'],
  ['a text that is JSON', 'application/json', '"{}"', '"{}"'],
])('has Swagger UI send %s right', async (_, type, body, sent) => {
  const { text } = await service.request.get('/api/v3/docs/swagger-ui-init.js').buffer();
  const [, options] = /let options = (\{[^]*?\n\});/.exec(text)!;
  const { customOptions } = runInNewContext(`(${options})`) as {
    customOptions: { requestInterceptor: (request: object) => { body: unknown } };
  };

  const request = { headers: { 'Content-Type': type }, body };
  expect(customOptions.requestInterceptor(request).body).toBe(sent);
});

it('A11: the description names no server, whatever the request says of its host', async () => {
  const answer = await service.request.get('/api/v3/openapi.json').set('host', 'evil.example');

  expect(answer.text).not.toContain('evil.example');
});

describe('A11: in production', () => {
  const start = (env: Record<string, string>) =>
    startTestApp({ env: { DATABASE_URL: database.url, NODE_ENV: 'production', AUTH_JWT_SECRET, ...env } });
  const paths = [
    '/api/v3/docs',
    '/api/v3/docs/swagger-ui-bundle.js',
    '/api/v3/openapi.json',
    '/api/v3/docs-json',
  ];

  it('there is no description of the API', async () => {
    const production = await start({});
    const statuses = [];
    for (const path of paths) statuses.push((await production.request.get(path)).status);
    const front = await production.request.get('/');
    await production.close();

    expect(statuses).toEqual([404, 404, 404, 404]);
    expect(front.body).not.toHaveProperty('documentation');
  });

  it('there is one if it is asked for, without keeping tokens', async () => {
    const production = await start({ API_DOCS_ENABLED: 'true' });
    const page = await production.request.get('/api/v3/docs');
    const script = await production.request.get('/api/v3/docs/swagger-ui-init.js');
    await production.close();

    expect([page.status, script.status]).toEqual([200, 200]);
    expect(script.text).not.toContain('persistAuthorization');
  });
});
