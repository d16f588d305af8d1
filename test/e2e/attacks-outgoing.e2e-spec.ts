import { randomUUID } from 'node:crypto';
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
  const inTexts = lures.flatMap((lure) => target.operations.flatMap((operation) => luring(operation, lure)));
  const elsewhere: PlainRequest[] = target.operations.flatMap((operation) => {
    const { method, parameters, body } = operation;
    const path = target.pathOf(operation);
    const type = body && { 'content-type': body.type, 'if-match': '*' };
    const whole = { method, headers: { ...type }, body: body && JSON.stringify(target.bodyOf(operation)) };
    return [
      { method, path, headers: { ...type, authorization: `Bearer ${tokenOf(address)}` } },
      { ...whole, path, headers: { ...type, ...Object.fromEntries(headers.map((name) => [name, address])) } },
      ...lures.flatMap((lure) =>
        parameters.map(({ name, in: place }) => ({
          ...whole,
          path:
            place === 'path'
              ? target.pathOf({
                  ...operation,
                  path: operation.path.replace(`{${name}}`, encodeURIComponent(lure)),
                })
              : place === 'query'
                ? `${path}?${name}=${encodeURIComponent(lure)}`
                : path,
          headers: { ...type, ...(place === 'header' ? { [name]: lure } : {}) },
        })),
      ),
    ];
  });

  const taken = await Promise.all(
    inTexts.map(async ({ field, ...request }) => {
      const { status, body } = await target.ask(request);
      // Of lines each has an outcome of its own.
      const isTaken = status < 400 && (body as { rejected?: number }).rejected !== 1;
      return isTaken ? [field] : [];
    }),
  );
  // Those come last: some of them delete what they are about.
  await Promise.all(elsewhere.map((request) => target.ask(request)));

  process.stderr.write(`A30: ${inTexts.length + elsewhere.length} requests, ${visits} visits\n`);
  expect(elsewhere.length).toBeGreaterThan(100);
  // Else no handler has seen them.
  const freeTexts = target.operations.flatMap(freeTextsOf).sort();
  expect([...new Set(taken.flat())].sort()).toEqual(freeTexts);
  expect(freeTexts).toContain('POST /api/v3/users full_name');
  expect(freeTexts).toContain('POST /api/v3/events:batch data');
  expect(visits).toBe(0);
});

type Operation = AttackedApp['operations'][number];

/** That with whose fields a line of its body is written, or itself. */
function oneOf(operation: Operation): Operation {
  const ofLines = target.operations.find(({ name }) => `${name}:batch` === operation.name);
  return ofLines ?? operation;
}

/** Its own request, as it should be but for the one field that holds the lure; one request for each field of texts. */
function luring(operation: Operation, lure: string): (PlainRequest & { field: string })[] {
  const [{ method, body }, one] = [operation, oneOf(operation)];
  return Object.entries(target.fieldsOf(one))
    .filter(([, { type }]) => [type].flat().some((word) => word === 'string' || word === 'object'))
    .map(([name, { type }]) => ({
      field: `${operation.name} ${name}`,
      method,
      path: target.pathOf(operation),
      headers: { 'content-type': body?.type ?? '', 'if-match': '*' },
      body: JSON.stringify({
        ...target.bodyOf(one),
        ...newIdsOf(one),
        [name]: [type].flat().includes('object') ? { $ref: lure, url: lure } : lure,
      }),
    }));
}

/** Ids that nothing has yet, of what it makes: those by which that is asked for. */
function newIdsOf(one: Operation): Record<string, string> {
  const path = new RegExp(`/${one.path.split('/').at(-1)}/\\{(\\w+)\\}$`);
  const asked = target.operations.map((other) => path.exec(other.path)?.[1]);
  const names = Object.keys(target.fieldsOf(one)).filter((name) => name === 'id' || asked.includes(name));
  return Object.fromEntries(names.map((name) => [name, randomUUID()]));
}

/** The fields in which an address is as good as any other text. */
function freeTextsOf(operation: Operation): string[] {
  return Object.entries(target.fieldsOf(oneOf(operation)))
    .filter(([, { type, format, pattern, enum: words }]) => {
      const isText = [type].flat().includes('string') && !format && !words && !pattern?.startsWith('^');
      return isText || [type].flat().includes('object');
    })
    .map(([name]) => `${operation.name} ${name}`);
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
    // As the pool beside it, which is DATABASE_URL's
    'cache/outbox/typeorm.bypass.ts',
    // REDIS_URL and its like
    'cache/redis/redis-client.ts',
    // DATABASE_URL, or this machine
    'database/database-ping.ts',
    'database/fail-fast-pool.ts',
    'database/local-port.ts',
    'database/migrate.ts',
  ]);
});
