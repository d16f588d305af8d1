import type { DataSource } from 'typeorm';
import { CourseAnalyticsService } from '../../src/analytics/courses/course-analytics.service.js';
import { PeerActivityService } from '../../src/analytics/students/peer-activity.service.js';
import { StudentRiskService } from '../../src/analytics/students/student-risk.service.js';
import {
  inPreparedSnapshot,
  inSharedSnapshot,
  inSnapshot,
  type Query,
} from '../../src/analytics/facts/snapshot.js';
import { databaseProblem } from '../../src/database/database-problem.js';
import { DatabaseUnavailable } from '../../src/database/fail-fast-pool.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { day, someRows, start, store } from './analytics-rows.js';

const countUsers = 'SELECT count(*)::int AS users, pg_backend_pid() AS connection FROM users';
let database: TestDatabase;
const pools: DataSource[] = [];

async function pool(size: number): Promise<DataSource> {
  const dataSource = await patientDataSource(database.url, size).initialize();
  pools.push(dataSource);
  return dataSource;
}

beforeAll(async () => {
  database = await createTestDatabase();
  await store(database.dataSource, someRows(7));
});

afterAll(async () => {
  await Promise.all(pools.map((dataSource) => dataSource.destroy()));
  await database.drop();
});

const plain = (view: object) => JSON.parse(JSON.stringify(view)) as object;

it.each([
  ['on one connection', inSnapshot],
  ['on two', inSharedSnapshot],
  ['of prepared statements', inPreparedSnapshot],
])('a snapshot %s sees one moment and writes nothing', async (_, inOne) => {
  const states = await inOne(await pool(4), (query: Query, aside = query) =>
    Promise.all(
      [query, aside].map((run) =>
        run(
          `SELECT current_setting('transaction_isolation') || ', ' || current_setting('transaction_read_only') AS is`,
          [],
        ),
      ),
    ),
  );

  expect(states).toEqual(Array(2).fill([{ is: 'repeatable read, on' }]));
});

describe('a snapshot on two connections', () => {
  it.each([
    ['two connections', 4, 2],
    ['one, if there is no other', 1, 1],
  ])('sees one moment on %s', async (_, size, connections) => {
    const rows = await inSharedSnapshot(await pool(size), async (query, aside) => {
      const count = async (run: Query) =>
        (await run<{ users: number; connection: number }>(countUsers, []))[0]!;
      const first = await count(query);
      await database.dataSource.query(`INSERT INTO users (code, role) VALUES ('NEW-${size}', 'teacher')`);
      return [first, ...(await Promise.all([count(query), count(aside)]))];
    });

    const after = await database.dataSource.query<{ users: number }[]>(countUsers);
    expect(rows.map(({ users }) => users)).toEqual(Array(3).fill(after[0]!.users - 1));
    expect(new Set(rows.map(({ connection }) => connection)).size).toBe(connections);
  });

  it('gives both connections back when a statement fails on either', async () => {
    const dataSource = await pool(4);
    for (let i = 0; i < 6; i++) {
      const failing = inSharedSnapshot(dataSource, (query, aside) =>
        Promise.all([(i % 2 ? query : aside)('SELECT 1 / 0', []), (i % 2 ? aside : query)(countUsers, [])]),
      );
      await expect(failing).rejects.toThrow('division by zero');
    }
    await expect(inSharedSnapshot(dataSource, (query) => query(countUsers, []))).resolves.toHaveLength(1);
  });

  it('is unavailable, not broken, when the first is killed before the second has joined it', async () => {
    const dataSource = await pool(4);
    const create = dataSource.createQueryRunner.bind(dataSource);
    jest
      .spyOn(dataSource, 'createQueryRunner')
      .mockImplementationOnce(create)
      .mockImplementationOnce((mode) => {
        const second = create(mode);
        const begin = second.startTransaction.bind(second);
        second.startTransaction = async (level) => {
          await begin(level);
          await database.dataSource.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1`,
          );
        };
        return second;
      });

    const error = await inSharedSnapshot(dataSource, (_, aside) => aside(countUsers, [])).catch(
      (reason: unknown) => reason,
    );

    expect(databaseProblem(error)?.code).toBe('database_unavailable');
    await expect(inSharedSnapshot(dataSource, (query) => query(countUsers, []))).resolves.toHaveLength(1);
  });

  it('shares one connection when others took the rest of the pool meanwhile', async () => {
    const dataSource = await pool(2);
    const create = dataSource.createQueryRunner.bind(dataSource);
    const second = create();
    second.startTransaction = () => Promise.reject(new DatabaseUnavailable('ALL_IN_USE'));
    jest.spyOn(dataSource, 'createQueryRunner').mockImplementationOnce(create).mockReturnValueOnce(second);

    await expect(inSharedSnapshot(dataSource, (_, aside) => aside(countUsers, []))).resolves.toHaveLength(1);
  });

  it.each([1, 2, 3])(
    'never keeps requests waiting for each other, with %d connections for twelve',
    async (size) => {
      const asOf = new Date(start + 33.6 * day);
      const alone = await new CourseAnalyticsService(database.dataSource).courseAt('PROG-101', asOf);
      const courses = new CourseAnalyticsService(await pool(size));

      const views = await Promise.all(Array.from({ length: 12 }, () => courses.courseAt('PROG-101', asOf)));

      for (const view of views) {
        expect(view).toEqual({ ...plain(alone), generated_at: view.generated_at });
      }
    },
  );
});

describe('where the server lets no second connection in', () => {
  const role = `one_connection_${process.pid}`;
  const asOf = new Date(start + 33.6 * day);
  let only: DataSource;

  beforeAll(async () => {
    await database.dataSource.query(`
      CREATE ROLE ${role} LOGIN PASSWORD 'of-the-tests' CONNECTION LIMIT 1;
      GRANT pg_read_all_data TO ${role}`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'of-the-tests';
    only = await patientDataSource(url.href, 4).initialize();
  });

  afterAll(async () => {
    await only.destroy();
    await database.dataSource.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it.each<[string, (dataSource: DataSource) => Promise<{ generated_at: string }>]>([
    ['course', (dataSource) => new CourseAnalyticsService(dataSource).courseAt('PROG-101', asOf)],
    [
      'student',
      (dataSource) =>
        new StudentRiskService(dataSource, new PeerActivityService(dataSource)).riskAt(
          'STU001',
          'PROG-101',
          asOf,
        ),
    ],
  ])('the view of a %s is computed on the one there is', async (_, look) => {
    const view = await look(only);

    expect(view).toEqual({ ...(await look(database.dataSource)), generated_at: view.generated_at });
  });
});
