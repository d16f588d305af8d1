import { loadPreset } from '../../src/datasets/load-preset.js';
import { openApiDocument } from '../support/openapi.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

/** Two of each thing that a list may be of; a list of something else wants two of that here. */
const listedOf: Readonly<Record<string, readonly [string, string]>> = {
  course_id: ['PROG-101', 'DATA-201'],
  as_of: [daysAgo(1), daysAgo(2)],
};

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

interface Parameter {
  name: string;
  in: string;
  schema: { enum?: readonly string[] };
}

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  await loadPreset(database.dataSource, { preset: 'seed-doc', asOf: new Date() });
  app = await startTestApp({ env: { DATABASE_URL: database.url } });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

/** Every list of the document, of each thing and in each order that it can be had in. */
async function everyList(): Promise<string[]> {
  const { paths } = await openApiDocument();
  return Object.entries(paths).flatMap(([path, { get }]) => {
    const parameters = (get?.parameters ?? []) as unknown as Parameter[];
    if (!parameters.some(({ name }) => name === 'cursor')) return [];
    const orders = parameters.find(({ name }) => name === 'sort')?.schema.enum;
    return allPathsOf(path).flatMap((one) =>
      orders ? orders.map((order) => `${one}?sort=${order}`) : [one],
    );
  });
}

function allPathsOf(path: string): string[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  if (name === undefined) return [path];
  const things = listedOf[name];
  if (!things) throw new Error(`${path}: this test knows no two values of ${name}`);
  return things.flatMap((thing) => allPathsOf(path.replace(`{${name}}`, thing)));
}

function page(list: string, query: Record<string, string>) {
  return app.request.get(`${list}${list.includes('?') ? '&' : '?'}${new URLSearchParams(query).toString()}`);
}

it('takes a cursor in the list and the order that it comes from, and in no other', async () => {
  const lists = await everyList();
  expect(lists.length).toBeGreaterThan(6);
  const cursors = new Map<string, string>();
  for (const list of lists) {
    const { body } = await page(list, { limit: '1' }).expect(200);
    expect([list, body.next_cursor]).toEqual([list, expect.any(String)]);
    cursors.set(list, body.next_cursor as string);
  }

  for (const [from, cursor] of cursors) {
    for (const list of lists) {
      const { status, body } = await page(list, { limit: '1', cursor });

      expect({ from, list, status }).toEqual({ from, list, status: from === list ? 200 : 400 });
      if (from !== list) expect(body.errors).toMatchObject([{ pointer: '/query/cursor', code: 'cursor' }]);
    }
  }
});

it('takes a cursor whatever else a list is narrowed to, for the order stays', async () => {
  const { body } = await page('/api/v3/submissions', { limit: '1' });

  const ofCourse = await page('/api/v3/submissions', { course_id: 'PROG-101', cursor: body.next_cursor });

  expect(ofCourse.status).toBe(200);
});
