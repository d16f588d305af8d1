import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { type AttackedApp, startAttackedApp } from '../support/attacked-app.js';
import type { PlainRequest } from '../support/plain-client.js';

jest.setTimeout(120_000);

let target: AttackedApp;
let trap: Server;
/** Where nobody has any business. */
let address: string;
let visits = 0;

beforeAll(async () => {
  target = await startAttackedApp();
  trap = createServer((socket) => {
    visits += 1;
    socket.destroy();
  });
  await new Promise<void>((settle) => trap.listen(0, '127.0.0.1', settle));
  address = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await target.close();
  trap.close();
});

const headers = [
  ...[
    'callback',
    'forwarded',
    'from',
    'link',
    'location',
    'origin',
    'profile',
    'proxy',
    'referer',
    'x-wap-profile',
  ],
  ...[
    'x-forwarded-host',
    'x-forwarded-for',
    'x-original-url',
    'x-rewrite-url',
    'x-webhook-url',
    'x-callback-url',
  ],
];

/** Keys of its own that a token asks to be checked with (RFC 7515 sections 4.1.2 to 4.1.6). */
function tokenOf(place: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = { alg: 'RS256', kid: place, jku: place, x5u: place, iss: place };
  return `${part(header)}.${part({ sub: 'STU001', role: 'admin', iss: place, exp: 4e9 })}.c2lnbmF0dXJl`;
}

it('A30: no address in a parameter, a body, a header or a token is ever visited', async () => {
  const lures = [
    address,
    `${address}/latest/meta-data`,
    address.replace('http:', 'gopher:'),
    `//${address.slice(7)}`,
  ];
  const requests: PlainRequest[] = target.operations.flatMap((operation) => {
    const { method, parameters, body } = operation;
    const path = target.pathOf(operation);
    const isJson = body?.type === 'application/json';
    const type = body && { 'content-type': body.type, 'if-match': '*' };
    return [
      { method, path, headers: { ...type, authorization: `Bearer ${tokenOf(address)}` } },
      { method: 'GET', path, headers: Object.fromEntries(headers.map((name) => [name, address])) },
      ...lures.flatMap((lure) => [
        ...parameters.map((parameter) => ({
          method: 'GET',
          path:
            parameter.in === 'path'
              ? operation.path.replace(`{${parameter.name}}`, encodeURIComponent(lure))
              : `${path}?${parameter.name}=${encodeURIComponent(lure)}`,
        })),
        ...(isJson ? [{ method, path, headers: { ...type }, body: bodyOf(operation, lure) }] : []),
      ]),
    ];
  });

  await Promise.all(requests.map((request) => target.ask(request)));

  process.stderr.write(`A30: ${requests.length} requests, ${visits} visits\n`);
  expect(requests.length).toBeGreaterThan(100);
  expect(visits).toBe(0);
});

/** Every field is the lure, and a reference to it. */
function bodyOf({ body }: AttackedApp['operations'][number], lure: string): string {
  const reference = body?.schema.$ref?.split('/').at(-1) ?? '';
  const { properties = {} } = (target.document.components?.schemas?.[reference] ?? {}) as {
    properties?: Record<string, unknown>;
  };
  const fields = Object.keys(properties).map((name) => [name, name === 'data' ? { $ref: lure } : lure]);
  return JSON.stringify(Object.fromEntries(fields));
}

it('A30: the description of the API refers to nothing outside of itself', () => {
  const references = [...JSON.stringify(target.document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, to]) => to);

  expect(references.length).toBeGreaterThan(50);
  expect(references.filter((to) => !to?.startsWith('#/'))).toEqual([]);
});

it('A30: only what an operator has set is ever connected to', () => {
  const outgoing =
    /(?<![#.\w])fetch\(|\bnew Client\(|\bcreateClient\(|\.factory\(|\b(https?|net|tls|axios|undici)\.(connect|get|request)\(|import [^;]*\b(connect|request|Agent)\b[^;]*'(node:(https?|net|tls|http2)|undici|axios)'/;
  const found = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .filter((name) => outgoing.test(readFileSync(join('src', name), 'utf8')));

  expect(found.sort()).toEqual([
    // AUTH_JWKS_URL
    'access/published-keys.ts',
    // REDIS_URL and its like
    'cache/redis/redis-client.ts',
    // DATABASE_URL, or this machine
    'database/database-ping.ts',
    'database/embedded-postgres.ts',
    'database/fail-fast-pool.ts',
    'database/migrate.ts',
  ]);
});
