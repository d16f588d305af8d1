import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { inUnit, UnitOfWork } from '../../src/cache/outbox/unit-of-work.js';
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

  const commit = () =>
    database.dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO users (code, role) VALUES ($1, 'student')`, [`U${++written}`]);
    });

  it('says whether a relay was earlier than the owner who gives his rows up', async () => {
    const unit = new UnitOfWork('Books.rename', ['tag/book:1']);
    outbox.watch();
    await inUnit(unit, commit);
    unit.end();

    expect(await outbox.narrow(unit.rows, ['tag/book:2'])).toBe(true);
    await outbox.settle(unit.rows);
    expect(await outbox.narrow(unit.rows, ['tag/book:2'])).toBe(false);
  });

  outboxContract(() => outbox, commit);
});
