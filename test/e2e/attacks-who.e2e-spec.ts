import type { Operation } from '../fuzz/operations.js';
import { type AttackedApp, type Caller, startAttackedApp } from '../support/attacked-app.js';
import { difference, lastingText } from '../support/lasting-text.js';

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
