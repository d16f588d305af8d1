import { DataSource } from 'typeorm';
import { readEnvironment } from '../../src/config/read-environment.js';
import { requestPool } from '../../src/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

it('keeps a connection that nobody uses for a while', async () => {
  const settings = readEnvironment({ DATABASE_URL: database.url });
  const dataSource = await new DataSource(requestPool(settings, () => undefined)).initialize();
  const connection = () => dataSource.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
  jest.useFakeTimers({ doNotFake: ['nextTick', 'performance', 'setImmediate', 'setInterval'] });
  try {
    const before = await connection();
    jest.advanceTimersByTime(60_000);

    expect(await connection()).toEqual(before);
  } finally {
    jest.useRealTimers();
    await dataSource.destroy();
  }
});
