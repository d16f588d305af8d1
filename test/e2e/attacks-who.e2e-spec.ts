import { idNames, type IdName } from '../../src/access/id-names.js';
import type { Operation } from '../fuzz/operations.js';
import { type AttackedApp, type Caller, startAttackedApp } from '../support/attacked-app.js';
import { difference, lastingText } from '../support/lasting-text.js';
import type { Answer } from '../support/openapi.js';

jest.setTimeout(120_000);

const callers: Caller[] = ['root', 'service', 'teacher', 'stranger', 'self', 'other', 'nobody'];

let target: AttackedApp;

beforeAll(async () => {
  target = await startAttackedApp();
});

afterAll(() => target.close());

/** All reading routes, with the things of either course in them. */
function addresses(): { operation: Operation; path: string }[] {
  const others: Record<string, string> = {
    'PROG-101-A1': 'PROG-102-A1',
    'PROG-101': 'PROG-102',
    STU001: 'STU002',
  };
  return target.operations
    .filter(({ method, isOpen }) => method === 'GET' && !isOpen)
    .flatMap((operation) => {
      const mine = target.pathOf(operation);
      const theirs = mine.replace(/PROG-101-A1|PROG-101|STU001/g, (id) => others[id] ?? id);
      return [...new Set([mine, theirs])].map((path) => ({ operation, path }));
    });
}

/** Only what is cached says how it was answered. */
const isCached = ({ method, path }: Operation) => {
  const response = method === 'GET' ? target.document.paths[path]?.get?.responses['200'] : undefined;
  return response !== undefined && 'headers' in response && 'X-Cache' in (response.headers ?? {});
};

it('A1: A16: gives every caller on every route the answer that no cache had given them', async () => {
  const bare = await target.startWithoutCache();
  const cached = target.operations.filter(isCached);
  const hits = new Map(cached.map(({ name }) => [name, 0]));
  const crossings: string[] = [];
  let compared = 0;
  for (const { operation, path } of addresses()) {
    // Twice in opposite orders: each answer is kept by one caller and asked for by the others.
    for (const caller of [...callers, ...[...callers].reverse()]) {
      const answer = await target.ask({ path }, caller);
      const [given, truth] = [answer, await bare.ask({ path }, caller)].map(lastingText) as [string, string];
      compared += 1;
      if (answer.headers['x-cache'] === 'HIT') hits.set(operation.name, (hits.get(operation.name) ?? 0) + 1);
      if (given !== truth) crossings.push(`${caller} ${path}: ${difference(given, truth)}`);
    }
  }
  await bare.close();
  process.stderr.write(`A1: ${compared} answers compared, ${crossings.length} crossings\n`);
  expect(crossings).toEqual([]);
  // Without hits there would be nothing that could have crossed.
  expect(hits.size).toBeGreaterThan(0);
  expect([...hits].filter(([, count]) => count === 0)).toEqual([]);
});

it('A3: asks who it is before it looks into the cache, on every route and with every condition', async () => {
  expect(addresses().length).toBeGreaterThan(0);
  for (const { path } of addresses()) {
    const { headers } = await target.ask({ path });
    const conditions = { 'if-none-match': headers.etag ?? '*', 'cache-control': 'only-if-cached' };
    const answer = await target.ask({ path, headers: conditions }, 'nobody');
    expect([path, answer.status, answer.headers['x-cache'], answer.headers.etag]).toEqual([
      path,
      401,
      undefined,
      undefined,
    ]);
  }
});

it('A10: lets only administrators look into the system, and offers nothing that empties or fills the cache', async () => {
  const ofSystem = target.operations.filter(({ path }) => path.startsWith('/api/v3/system/'));
  for (const { method, path } of ofSystem) {
    const statuses = await Promise.all(
      callers.slice(1).map(async (caller) => (await target.ask({ method, path }, caller)).status),
    );
    expect([path, ...statuses]).toEqual([path, 403, 403, 403, 403, 403, 401]);
  }

  expect(ofSystem.length).toBeGreaterThan(3);
  const paths = target.operations.map(({ path }) => path);
  expect(paths.filter((path) => /flush|clear|purge|warm|invalidate|\bcache\b/i.test(path))).toEqual([]);
});

it('A16: says of another’s thing, of a deleted one and of none the same', async () => {
  const json = { 'content-type': 'application/json' };
  await target.ask({
    method: 'POST',
    path: '/api/v3/users',
    headers: json,
    body: '{"user_id":"GONE","role":"student"}',
  });
  await target.ask({ method: 'DELETE', path: '/api/v3/users/GONE' });
  const told = await Promise.all(
    ['STU002', 'GONE', 'NO-SUCH', 'TEACH001'].map(async (id) => {
      const { status, body } = await target.ask({ path: `/api/v3/users/${id}` }, 'self');
      return { ...(body as object), status, request_id: '', instance: '' };
    }),
  );
  expect(told[0]).toMatchObject({ status: 404, code: 'not_found' });
  for (const one of told) expect(one).toEqual(told[0]);
});

describe('A16: an id of others beside those that one owns', () => {
  const foreign: Record<IdName, string> = {
    course_id: 'PROG-102',
    student_id: 'STU002',
    user_id: 'STU002',
    activity_id: 'PROG-102-A1',
    session_id: 'SES-STU002',
    enrollment_id: 'NO-SUCH',
    submission_id: 'NO-SUCH',
  };
  /** What a body may name that nobody owns yet. */
  const created = new Map([
    ['POST /api/v3/courses/{course_id}/activities', 'activity_id'],
    ['POST /api/v3/sessions', 'session_id'],
  ]);

  /** What passes the guard changes nothing: validation refuses the body. */
  function send(operation: Operation, caller: Caller, where: 'query' | 'body', given: object) {
    const { method, body } = operation;
    const query = where === 'query' ? new URLSearchParams({ ...given }).toString() : '';
    const path = `${target.pathOf(operation)}${query === '' ? '' : `?${query}`}`;
    if (!body) return target.ask({ method, path }, caller);
    const sent = { ...target.bodyOf(operation), no_such_field: true, ...(where === 'body' ? given : {}) };
    const headers = { 'content-type': 'application/json' };
    return target.ask({ method, path, headers, body: JSON.stringify(sent) }, caller);
  }

  /** Routes that let a caller do something with their own, and nobody else: with what they answer then. */
  async function ownRoutes() {
    const found: { operation: Operation; caller: Caller; mine: Answer }[] = [];
    for (const operation of target.operations.filter(
      ({ isOpen, path }) => !isOpen && !path.endsWith(':batch'),
    )) {
      if (operation.method !== 'GET' && !operation.body) continue;
      for (const [caller, stranger] of [
        ['self', 'other'],
        ['teacher', 'stranger'],
      ] as const) {
        const [mine, theirs] = [
          await send(operation, caller, 'query', {}),
          await send(operation, stranger, 'query', {}),
        ];
        if (mine.status !== 403 && theirs.status === 404) found.push({ operation, caller, mine });
      }
    }
    return found;
  }

  it('is not found wherever the route reads one, and reaches nothing where it does not', async () => {
    const wrong: string[] = [];
    const counts = { read: 0, unread: 0 };
    for (const { operation, caller, mine } of await ownRoutes()) {
      const read = {
        query: operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name),
        body: Object.keys(target.fieldsOf(operation)),
      };
      for (const where of operation.body ? (['query', 'body'] as const) : (['query'] as const)) {
        for (const name of idNames) {
          const { status, ...answer } = await send(operation, caller, where, { [name]: foreign[name] });
          const isRead =
            read[where].includes(name) && !(where === 'body' && created.get(operation.name) === name);
          counts[isRead ? 'read' : 'unread'] += 1;
          const told = `${operation.name} with ${name} in its ${where}, as ${caller}: ${status}`;
          if (isRead ? status !== 404 : ![mine.status, 400].includes(status)) wrong.push(told);
          else if (status === 200 && lastingText({ status, ...answer }) !== lastingText(mine))
            wrong.push(told);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(counts.read).toBeGreaterThan(10);
    expect(counts.unread).toBeGreaterThan(100);
  });
});
