import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { outboxContract } from './outbox.contract.js';

describe('the outbox in PostgreSQL, through TypeORM', () => {
  let database: TestDatabase;
  let outbox: TypeormOutbox;
  let written = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    outbox = new TypeormOutbox(database.dataSource);
  });

  beforeEach(() => database.dataSource.query('TRUNCATE cache_outbox'));

  afterAll(() => database.drop());

  outboxContract(
    () => outbox,
    () =>
      database.dataSource.transaction(async (manager) => {
        await manager.query(`INSERT INTO users (code, role) VALUES ($1, 'student')`, [`U${++written}`]);
      }),
  );
});
