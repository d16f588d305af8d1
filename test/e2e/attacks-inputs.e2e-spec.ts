import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { DatabasePing } from '../../src/database/database-ping.js';
import type { Operation } from '../fuzz/operations.js';
import type { Answer } from '../support/openapi.js';
import { type AttackedApp, startAttackedApp } from '../support/attacked-app.js';
import { figure, isMeasuring } from '../support/figures.js';
import { difference, lastingText } from '../support/lasting-text.js';
import { PlainClient, type PlainRequest } from '../support/plain-client.js';
import { pollUntil } from '../support/processes.js';

jest.setTimeout(120_000);

let target: AttackedApp;
let before: string;

beforeAll(async () => {
  target = await startAttackedApp();
  // It gives the database half a second, in which the tests may keep this process busy.
  jest.spyOn(target.app.app.get(DatabasePing), 'isAnswering').mockResolvedValue(true);
});

afterAll(() => target.close());

beforeEach(async () => {
  before = await target.digest();
});

const json = { 'content-type': 'application/json' };

const bodies = new Map<string, Record<string, unknown>>();

/** A body that fits its schema, the same in every run. */
function bodyOf({ body, name }: Operation): Record<string, unknown> {
  if (!body) throw new Error(`${name} takes no body`);
  const made =
    bodies.get(name) ??
    (fc.sample(target.schemas.valid(body.schema), { seed: 1, numRuns: 1 })[0] as Record<string, unknown>);
  bodies.set(name, made);
  return made;
}

const withJson = () => target.operations.filter(({ body }) => body?.type === 'application/json');
const withLines = () => target.operations.filter(({ body }) => body?.type === 'application/x-ndjson');
const reading = () => target.operations.filter(({ method }) => method === 'GET');

/** Sends all, some at a time, and collects those that are not answered as they should be. */
async function expectAll(
  row: string,
  attacks: readonly (PlainRequest & { expected: (answer: Answer) => boolean })[],
): Promise<void> {
  const startedAt = performance.now();
  const wrong = await Promise.all(
    attacks.map(async ({ expected, ...request }) => {
      const answer = await target.ask(request);
      if (expected(answer)) return [];
      const sent = `${request.method ?? 'GET'} ${request.path.slice(0, 100)} ${String(request.body ?? '').slice(0, 100)}`;
      return `${sent} → ${answer.status} ${(answer.text ?? '').slice(0, 300)}`;
    }),
  );
  const tookMs = performance.now() - startedAt;
  process.stderr.write(
    `${row}: ${attacks.length} requests, ${(tookMs / attacks.length).toFixed(2)} ms each\n`,
  );
  expect(attacks.length).toBeGreaterThan(0);
  expect(wrong.flat()).toEqual([]);
}

/** An event that nothing is wrong with, as a line holds it. */
function eventLine(): Record<string, unknown> {
  return target.bodyOf(eventOperation());
}

function eventOperation(): Operation {
  return target.operations.find(({ name }) => name === 'POST /api/v3/events')!;
}

/** For each route that takes lines a body of this one, which is to be refused; what it says of it has to fit. */
function lineAttack(line: string, says: RegExp) {
  return withLines().map((operation) => ({
    method: operation.method,
    path: target.pathOf(operation),
    headers: { 'content-type': 'application/x-ndjson' },
    body: `${line}\n`,
    expected: ({ status, body }: Answer) => {
      const { accepted, rejected, errors } = body as Record<string, unknown>;
      return status === 200 && accepted === 0 && rejected === 1 && says.test(JSON.stringify(errors));
    },
  }));
}

/** Asks one after the other, each as if it were alone, and judges nothing. @returns how long the slowest took, ms */
async function slowestMs(attacks: readonly PlainRequest[]): Promise<number> {
  const client = new PlainClient(target.app.url);
  const authorization = `Bearer ${target.tokenOf('root')}`;
  let slowest = 0;
  for (const attack of attacks) {
    const startedAt = performance.now();
    await client.send({ ...attack, headers: { authorization, ...attack.headers } });
    slowest = Math.max(slowest, performance.now() - startedAt);
  }
  client.close();
  return slowest;
}

/** What `check` finds to say of each operation that reads, some at a time. */
async function ofEachReading(
  check: (operation: Operation, path: string) => Promise<string[]>,
): Promise<string[]> {
  const found = await Promise.all(reading().map((operation) => check(operation, target.pathOf(operation))));
  return found.flat();
}

const refused = ({ status }: Answer) => status >= 400 && status < 500;
const refusedAt =
  (pointer: string) =>
  ({ status, body }: Answer) =>
    status === 400 &&
    ((body as { errors?: { pointer: string }[] }).errors ?? []).some((part) => part.pointer === pointer);

describe('what is sent to any route', () => {
  it('A12, A13, A15, A21: is JSON, or lines of it that are attacked one by one', async () => {
    const others = target.operations.filter(({ body }) => body && body.type !== 'application/json');
    expect(others.map(({ name }) => name)).toEqual(['POST /api/v3/events:batch']);
    expect(withLines()).toEqual(others);

    // What is refused below is refused for what is wrong with it.
    const [request] = lineAttack(JSON.stringify({ ...eventLine(), id: randomUUID() }), /./);
    expect(await target.ask(request!)).toMatchObject({ status: 200, body: { accepted: 1, rejected: 0 } });
  });

  it('A12: fields that a body does not declare are refused and not stored', async () => {
    const fields = {
      is_admin: true,
      id: 5,
      is_active: false,
      created_at: '2000-01-01T00:00:00Z',
      deleted_at: null,
      // What every object has, and so may be taken for what is there.
      toString: 'x',
      hasOwnProperty: 1,
    };
    await expectAll('A12', [
      ...withJson().flatMap((operation) =>
        Object.entries(fields).map(([field, value]) => ({
          method: operation.method,
          path: target.pathOf(operation),
          headers: { ...json, 'if-match': '*' },
          body: JSON.stringify({ ...bodyOf(operation), [field]: value }),
          expected: refusedAt(`/${field}`),
        })),
      ),
      ...Object.entries(fields).flatMap(([field, value]) =>
        lineAttack(JSON.stringify({ ...eventLine(), [field]: value }), new RegExp(`\\b${field}\\b`)),
      ),
    ]);
    expect(await target.digest()).toBe(before);
  });

  it('A13: nothing reaches a prototype, however deep it lies', async () => {
    const poisons = [
      '"__proto__":{"admin":true}',
      '"constructor":{"prototype":{"admin":true}}',
      '"__proto__":null',
    ];
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    // Before anything looks what is in it.
    const isTooDeep = ({ status, body }: Answer) =>
      status === 400 &&
      (body as { code: string; detail: string }).code === 'bad_request' &&
      (body as { detail: string }).detail.includes('too deeply');
    await expectAll('A13', [
      ...withJson().flatMap((operation) => {
        const request = {
          method: operation.method,
          path: target.pathOf(operation),
          headers: { ...json, 'if-match': '*' },
        };
        const body = JSON.stringify(bodyOf(operation)).slice(0, -1);
        const more = body === '{' ? '' : ',';
        return [
          ...poisons.flatMap((poison) => [
            { ...request, body: `${body}${more}${poison}}`, expected: refused },
            { ...request, body: `${body}${more}"data":{${poison}}}`, expected: refused },
          ]),
          { ...request, body: deep, expected: isTooDeep },
        ];
      }),
      ...linesOfPoison(poisons),
      ...reading().flatMap((operation) =>
        ['__proto__[admin]=true', 'constructor[prototype][admin]=true', '__proto__.admin=true'].map(
          (query) => ({
            path: `${target.pathOf(operation)}?${query}`,
            expected: ({ status }: Answer) => status < 500,
          }),
        ),
      ),
    ]);

    expect(await target.digest()).toBe(before);
    // In a line the data of an event may have any names, and is only text to everybody.
    for (const poison of poisons) {
      const line = JSON.stringify({ ...eventLine(), id: randomUUID() }).slice(0, -1);
      const [request] = lineAttack(`${line},"data":{${poison}}}`, /./);
      expect(await target.ask(request!)).toMatchObject({ status: 200, body: { accepted: 1, rejected: 0 } });
    }
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  it('A15: no parameter and no id of a body is read as SQL, a pattern or an operator', async () => {
    const texts = [
      "' OR '1'='1",
      'x; DROP TABLE users; --',
      '%',
      '_',
      'STU00%',
      '{"$ne":null}',
      '[object Object]',
      '(SELECT 1)',
      '\\',
    ];
    const ofPath = target.operations.flatMap((operation) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'path')
        .flatMap(({ name }) =>
          texts.map((text) => ({
            method: operation.method,
            path: target.pathOf({
              ...operation,
              path: operation.path.replace(`{${name}}`, encodeURIComponent(text)),
            }),
            headers: operation.body ? { ...json, 'if-match': '*' } : {},
            body: operation.body && JSON.stringify(bodyOf(operation)),
            expected: refused,
          })),
        ),
    );
    const ofQuery = reading().flatMap((operation) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'query')
        .flatMap(({ name }) => [
          ...texts.map((text) => ({
            path: `${target.pathOf(operation)}?${name}=${encodeURIComponent(text)}`,
            expected: refused,
          })),
          { path: `${target.pathOf(operation)}?${name}=a&${name}=b`, expected: refused },
        ]),
    );
    const ofBody = withJson().flatMap((operation) =>
      Object.keys(schemaOf(operation).properties ?? {})
        .filter((name) => name !== 'data')
        .flatMap((name) =>
          [{ $ne: null }, ['a'], { toString: 'x' }].map((value) => ({
            method: operation.method,
            path: target.pathOf(operation),
            headers: { ...json, 'if-match': '*' },
            body: JSON.stringify({ ...bodyOf(operation), [name]: value }),
            expected: refused,
          })),
        ),
    );
    const names = Object.keys(target.fieldsOf(eventOperation())).filter((name) => name !== 'data');
    const ofLines = names.flatMap((name) =>
      [{ $ne: null }, ['a'], { toString: 'x' }].flatMap((value) =>
        lineAttack(JSON.stringify({ ...eventLine(), [name]: value }), new RegExp(`\\b${name} must\\b`)),
      ),
    );
    await expectAll('A15', [...ofPath, ...ofQuery, ...ofBody, ...ofLines]);

    expect(await target.digest()).toBe(before);
  });

  it('A15: an operator in the name of a parameter is refused, or ignored', async () => {
    const wrong = await ofEachReading(async (operation, path) => {
      const names = operation.parameters
        .filter((parameter) => parameter.in === 'query')
        .map(({ name }) => name);
      const plain = await target.ask({ path });
      const found = [...names, 'where', 'order'].map(async (name) => {
        const answer = await target.ask({ path: `${path}?${name}[$ne]=x` });
        const isIgnored = lastingText(answer) === lastingText(plain);
        return isIgnored || answer.status === 400 ? [] : [`${path} ${name} → ${answer.status}`];
      });
      return (await Promise.all(found)).flat();
    });
    expect(wrong).toEqual([]);
  });

  it('A15: text that looks like SQL is stored as it is', async () => {
    const name = `Robert'); DROP TABLE users; -- % _ \\ {"$ne":1} ` + '${7*7}';
    await target.ask({
      method: 'POST',
      path: '/api/v3/users',
      headers: json,
      body: JSON.stringify({ user_id: 'TABLES', full_name: name, role: 'student' }),
    });

    expect((await target.ask({ path: '/api/v3/users/TABLES' })).body).toMatchObject({ full_name: name });
  });

  it('A21: T11: what would be expensive is refused before it costs anything', async () => {
    const numbers = ['1000000000', '-1', '0', '201', '1e999', 'NaN', '9'.repeat(300)];
    const long = [
      'a'.repeat(10_000),
      `${'a'.repeat(5_000)}!`,
      'a@'.repeat(4_000),
      ' '.repeat(10_000),
      '-'.repeat(10_000),
    ];
    const ofQuery = reading().flatMap((operation) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'query')
        .flatMap(({ name, schema }) =>
          (schema.type === 'integer' ? numbers : long).map((text) => ({
            path: `${target.pathOf(operation)}?${name}=${encodeURIComponent(text)}`,
            expected: refused,
          })),
        ),
    );
    const many = reading()
      .filter(({ parameters }) => parameters.some((one) => one.in === 'query' && one.name === 'course_id'))
      .map((operation) => ({
        path: `${target.pathOf(operation)}?${'course_id=a&'.repeat(1000)}`,
        expected: refused,
      }));
    const ofBody = withJson().flatMap((operation) =>
      Object.entries(schemaOf(operation).properties ?? {})
        .filter(([name, { type }]) => name !== 'data' && [type].flat().includes('string'))
        .flatMap(([name]) =>
          [...long, `${'a'.repeat(50_000)}!`, `a@${'a.'.repeat(25_000)}`].map((text) => ({
            method: operation.method,
            path: target.pathOf(operation),
            headers: { ...json, 'if-match': '*' },
            body: JSON.stringify({
              ...bodyOf(operation),
              [name]: name === 'content' ? text.repeat(5) : text,
            }),
            expected: refused,
          })),
        ),
    );
    const ofLines = Object.keys(eventLine()).flatMap((name) =>
      [...long, `${'a'.repeat(50_000)}!`, 'a'.repeat(70_000)].flatMap((text) =>
        lineAttack(
          JSON.stringify({ ...eventLine(), [name]: text }),
          text.length > 65_536 ? /line_too_long/ : new RegExp(`\\b${name} must\\b`),
        ),
      ),
    );
    const attacks = [...ofQuery, ...many, ...ofBody, ...ofLines, ...tooMany()];
    await expectAll('A21', attacks);

    expect(await target.digest()).toBe(before);
    if (isMeasuring) figure('T11', 'slowest answer, ms', await slowestMs(attacks), { atMost: 20 });
  });
});

/** Bodies of up to 1 MB with more fields or elements than anything here has, in each place where one could be. */
function tooMany() {
  const fields = Object.fromEntries(Array.from({ length: 70_000 }, (_, n) => [`k${n}`, 0]));
  const [manyFields, manyElements] = [fields, Array(200_000).fill({})].map((value) => JSON.stringify(value));
  const isRefusedAtOnce = ({ status, body }: Answer) =>
    status === 400 &&
    (body as { code: string; detail: string }).code === 'bad_request' &&
    (body as { detail: string }).detail.includes('too many');
  const most = Object.fromEntries(Array.from({ length: 6000 }, (_, n) => [`k${n}`, 0]));
  const line = JSON.stringify({ ...eventLine(), ...most });
  const ofLines = [
    ...lineAttack(line, /too many fields/),
    ...lineAttack(JSON.stringify({ ...eventLine(), data: most }), /too many fields/),
    ...lineAttack(
      `${JSON.stringify({ k: 0, ...eventLine() }).slice(0, -1)},${manyFields!.slice(1)}`,
      /line_too_long/,
    ),
  ];
  const ofJson = withJson().flatMap((operation) => {
    const body = bodyOf(operation);
    const [first = 'data'] = Object.keys(schemaOf(operation).properties ?? {});
    const holding = (text: string) =>
      JSON.stringify({ ...body, [first]: 0 }).replace(`"${first}":0`, `"${first}":${text}`);
    return [
      `${JSON.stringify({ k: 0, ...body }).slice(0, -1)},${manyFields!.slice(1)}`,
      holding(manyFields!),
      holding(manyElements!),
      manyElements!,
    ].map((text) => ({
      method: operation.method,
      path: target.pathOf(operation),
      headers: { ...json, 'if-match': '*' },
      body: text,
      expected: isRefusedAtOnce,
    }));
  });
  return [...ofJson, ...ofLines];
}

/** The same in a line; as deep as one may be long. */
function linesOfPoison(poisons: readonly string[]) {
  const line = JSON.stringify(eventLine()).slice(0, -1);
  const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
  return [
    ...poisons.flatMap((poison) => lineAttack(`${line},${poison}}`, /__proto__|constructor/)),
    ...lineAttack(`${line},"data":${deep}}`, /nested too deeply/),
    ...lineAttack(`${line},"a":${deep}}`, /nested too deeply/),
    ...lineAttack(deep.repeat(4), /line_too_long/),
  ];
}

describe('the address of any route', () => {
  it('A17: answers to no other method than it offers, whatever a header asks for', async () => {
    const paths = [...new Set(target.operations.map(({ path }) => path))];
    await expectAll(
      'A17',
      paths.flatMap((path) => {
        const offered = target.operations
          .filter((operation) => operation.path === path)
          .map(({ method }) => method);
        const allowed = [...offered, ...(offered.includes('GET') ? ['HEAD'] : [])].sort().join(', ');
        return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
          .filter((method) => !offered.includes(method))
          .map((method) => ({
            method,
            path: target.pathOf({ path } as Operation),
            expected: ({ status, headers }: Answer) => status === 405 && headers.allow === allowed,
          }));
      }),
    );
    const overrides = Object.fromEntries(
      ['x-http-method-override', 'x-http-method', 'x-method-override'].map((name) => [name, 'DELETE']),
    );
    await expectAll(
      'A17',
      reading().map((operation) => ({
        path: `${target.pathOf(operation)}?_method=DELETE`,
        headers: overrides,
        expected: ({ status }: Answer) => status === 200 || status === 400,
      })),
    );

    expect(await target.digest()).toBe(before);
  });

  it('A8: is not the address of a file, however it is written', async () => {
    const disguises = [
      (path: string) => `${path}/x.css`,
      (path: string) => `${path};.css`,
      (path: string) => `${path}%2f..%2fstatic%2fx.js`,
      (path: string) => `${path}/..%2fx.js`,
      (path: string) => `${path}%00.css`,
      (path: string) => `${path}%0a.css`,
      (path: string) => `${path}.css`,
      (path: string) => `${path}%3fx.css`,
      (path: string) => `${path}/`,
      (path: string) => `${path}/.`,
      (path: string) => `/${path}`,
      (path: string) => `/static/..${path}`,
      (path: string) => path.toUpperCase(),
    ];
    await expectAll(
      'A8',
      reading().flatMap((operation) =>
        disguises
          .map((disguise) => disguise(target.pathOf(operation)))
          // Only the front page is the same however its slashes and letters are written.
          .filter((path) => path !== '/')
          .map((path) => ({ path, expected: refused })),
      ),
    );
  });

  it('A8: gives nobody’s private answer to a shared cache', async () => {
    const kept = await ofEachReading(async (operation, path) => {
      const { status, headers } = await target.ask({ path });
      const isPrivate = /\b(private|no-store)\b/.test(headers['cache-control'] ?? '');
      const isShared =
        /\b(public|s-maxage)\b/.test(headers['cache-control'] ?? '') || headers['cdn-cache-control'];
      return status === 200 && !operation.isOpen && (!isPrivate || isShared)
        ? [`${operation.name}: ${headers['cache-control']}`]
        : [];
    });
    expect(kept).toEqual([]);
  });
});

describe('what is not part of the key', () => {
  /** Inputs that frameworks and proxies read behind one's back. */
  const headers: Record<string, string> = Object.fromEntries(
    [
      ...[
        'x-forwarded-host',
        'x-forwarded-server',
        'x-forwarded-port',
        'x-forwarded-for',
        'x-forwarded-scheme',
      ],
      ...[
        'x-forwarded-prefix',
        'x-forwarded-path',
        'x-forwarded-uri',
        'x-original-url',
        'x-rewrite-url',
        'x-original-host',
      ],
      ...[
        'x-host',
        'x-real-ip',
        'x-client-ip',
        'x-remote-ip',
        'x-remote-addr',
        'x-cluster-client-ip',
        'true-client-ip',
      ],
      ...[
        'cf-connecting-ip',
        'fastly-client-ip',
        'client-ip',
        'forwarded-for',
        'forwarded',
        'via',
        'base-url',
        'x-wap-profile',
      ],
      ...[
        'x-http-method-override',
        'x-method-override',
        'x-http-destinationurl',
        'x-proxy-url',
        'proxy-host',
        'request-uri',
      ],
      ...[
        'referer',
        'origin',
        'user-agent',
        'accept-language',
        'accept-charset',
        'cookie',
        'dnt',
        'from',
        'pragma',
        'te',
        'warning',
      ],
      ...[
        'x-requested-with',
        'x-csrf-token',
        'x-api-key',
        'x-api-version',
        'x-user',
        'x-user-id',
        'x-tenant',
        'x-tenant-id',
      ],
      ...[
        'x-role',
        'x-debug',
        'x-amz-website-redirect-location',
        'x-amzn-trace-id',
        'x-b3-traceid',
        'traceparent',
        'baggage',
      ],
      ...[
        'x-correlation-id',
        'x-locale',
        'x-timezone',
        'x-forwarded-proto',
        'x-url-scheme',
        'front-end-https',
        'save-data',
      ],
    ].map((name) => [name, name.includes('override') ? 'DELETE' : `evil-${name}.example`]),
  );

  it('A5: no header changes an answer or shows up in one, alone or beside all others', async () => {
    // Without a cache each of them reaches the handler, and not only the first.
    const bare = await target.startWithoutCache();
    jest.spyOn(bare.app.app.get(DatabasePing), 'isAnswering').mockResolvedValue(true);
    const variants = [
      ['all', headers] as const,
      ...Object.entries(headers).map(([name, value]) => [name, { [name]: value }] as const),
    ];
    const changed = await ofEachReading(async (operation, path) => {
      const plain = lastingText(await bare.ask({ path }));
      const judged = (answer: Answer, sent: string) => {
        const given = lastingText(answer);
        return [
          ...(given === plain ? [] : [`${operation.name} with ${sent}: ${difference(given, plain)}`]),
          ...(JSON.stringify([answer.headers, answer.text]).includes('evil-')
            ? [`${operation.name} shows ${sent}`]
            : []),
        ];
      };
      const found = await Promise.all(
        variants.map(async ([name, sent]) => judged(await bare.ask({ path, headers: sent }), name)),
      );
      const perturbed = judged(await target.ask({ path, headers }), 'all, and a cache');
      return [...found.flat(), ...perturbed, ...judged(await target.ask({ path }), 'what they left')];
    });
    await bare.close();
    expect(variants.length).toBeGreaterThan(60);
    expect(changed).toEqual([]);
  });

  it('A5: a cached answer is a hit, and the same to the byte, with each of them', async () => {
    const path = '/api/v3/analytics/students/STU001';
    await target.ask({ path });
    let before = await target.ask({ path });
    for (const [name, value] of Object.entries(headers)) {
      const answer = await target.ask({ path, headers: { [name]: value } });
      // The answer may be refreshed meanwhile: it is what is given without the header, just before or just after.
      const after = await target.ask({ path });
      expect([name, answer.headers['x-cache']]).toEqual([name, 'HIT']);
      expect([before.text, after.text]).toContain(answer.text);
      before = after;
    }
  });

  it('A6: one parameter written in many ways is one parameter, or none', async () => {
    const path = '/api/v3/analytics/students/STU001';
    const course = `${path}?course_id=PROG-101`;
    const [all, one] = [await target.ask({ path }), await target.ask({ path: course })];
    // Not the parameter: as if it were not there.
    for (const query of [
      'course_id[]=PROG-101',
      'COURSE_ID=PROG-101',
      'utm_source=x',
      'course_id%00=PROG-101',
      ';course_id=PROG-101',
    ]) {
      const answer = await target.ask({ path: `${path}?${query}` });
      expect([query, answer.headers['x-cache'], answer.text]).toEqual([query, 'HIT', all.text]);
    }
    for (const query of [
      'course_id=PROG-101&utm_source=x',
      '%63ourse_id=PROG%2D101',
      'utm=1&course_id=PROG-101',
    ]) {
      const answer = await target.ask({ path: `${path}?${query}` });
      expect([query, answer.headers['x-cache'], answer.text]).toEqual([query, 'HIT', one.text]);
    }
    // Both, neither or another value: refused, and never the answer to one of them.
    for (const query of [
      'course_id=PROG-101&course_id=NO-SUCH',
      'course_id=PROG-101;course_id=NO-SUCH',
      'course_id=PROG-101%00',
      'course_id=prog-101',
      'course_id=PROG-101#x',
    ]) {
      expect([query, refused(await target.ask({ path: `${path}?${query}` }))]).toEqual([query, true]);
    }
    const fat = await target.ask({ path, headers: json, body: '{"course_id":"PROG-101"}' });
    expect(fat.text).toBe(all.text);
  });
});

it('A26: every cached route gives whoever asks for another answer a 412, as the document says', async () => {
  const cached = reading().filter(({ fields }) => fields.get(200)?.has('x-cache'));
  expect(cached.length).toBeGreaterThan(4);
  for (const operation of cached) {
    const path = target.pathOf(operation);
    expect([path, operation.statuses]).toEqual([path, expect.arrayContaining([412])]);
    for (let n = 0; n < 2; n++) {
      const { status, body } = await target.ask({ path, headers: { 'if-match': '"other"' } });
      expect([path, status, body]).toEqual([
        path,
        412,
        expect.objectContaining({ code: 'precondition_failed' }),
      ]);
    }
    // Where it is just being made anew, what was the present one is another.
    await pollUntil(async () => {
      const { etag = '' } = (await target.ask({ path })).headers;
      return (await target.ask({ path, headers: { 'if-match': etag } })).status === 200;
    }, 5000);
  }
});

it('A26: nothing is done or told on a condition that cannot be met, once it is known who asks', async () => {
  const weighs = ({ parameters }: Operation) => parameters.some(({ name }) => name === 'If-Match');
  const conditions = (operation: Operation): Record<string, string>[] => [
    ...(weighs(operation) || operation.isOpen ? [] : [{ 'if-match': '"other"' }, { 'if-match': '' }]),
    ...(/^P(UT|ATCH)|^DELETE/.test(operation.method) ? [{ 'if-match': '*', 'if-none-match': '*' }] : []),
  ];
  const conditional = target.operations.flatMap((operation) =>
    conditions(operation).map((condition) => ({
      method: operation.method,
      path: target.pathOf(operation),
      headers: { ...(operation.body ? json : {}), ...condition },
      ...(operation.body ? { body: JSON.stringify(target.bodyOf(operation)) } : {}),
    })),
  );
  await expectAll(
    'A26',
    conditional.map((request) => ({
      ...request,
      expected: ({ status, body }) =>
        status === 412 && (body as { code: string }).code === 'precondition_failed',
    })),
  );
  for (const request of conditional) expect((await target.ask(request, 'nobody')).status).toBe(401);
  expect(await target.digest()).toBe(before);
});

it('A26: a probe is answered on any condition, and what is there on that of being there', async () => {
  const live = await target.ask({ path: '/health/live', headers: { 'if-match': '"other"' } });
  const course = await target.ask({ path: '/api/v3/courses/PROG-101', headers: { 'if-match': '*' } });
  expect([live.status, course.status]).toEqual([200, 200]);
});

function schemaOf({ body }: Operation) {
  const reference = body?.schema.$ref?.split('/').at(-1) ?? '';
  return (target.document.components?.schemas?.[reference] ?? {}) as {
    properties?: Record<string, { type: string | string[] }>;
  };
}
