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
    await database.dataSource.query('DROP TABLE cache_outbox');
    await database.dataSource.query(TypeormOutbox.table);
  });

  beforeEach(() => database.dataSource.query('TRUNCATE cache_outbox'));

  afterAll(() => database.drop());

  const commit = () =>
    database.dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO users (code, role) VALUES ($1, 'student')`, [`U${++written}`]);
    });

  it("writes no row for another outbox's unit of work", async () => {
    const other = new TypeormOutbox(database.dataSource);
    const unit = new UnitOfWork('Books.rename', ['tag/book:1'], { outbox: other });

    await inUnit(unit, commit);

    expect(unit.rows).toHaveLength(1);
    expect(await database.dataSource.query('SELECT id FROM cache_outbox')).toEqual([{ id: unit.rows[0] }]);
  });

  it('carries out what its own namespace left, and what has none', async () => {
    const others = new TypeormOutbox(database.dataSource);
    others.serve('admin:');
    const leave = async (by: TypeormOutbox, tag: string) => {
      const unit = new UnitOfWork('Books.rename', [tag], { outbox: by });
      await inUnit(unit, commit);
    };
    await leave(outbox, 'tag/book:1');
    await leave(others, 'tag/user:1');
    await database.dataSource.query(TypeormOutbox.invalidateEverything);
    const relayed: string[][] = [];
    const apply = (tags: readonly string[]) => Promise.resolve(relayed.push([...tags]) > 0);

    expect(await outbox.relay(0, apply)).toBe(2);
    expect(await outbox.relay(0, apply)).toBe(0);
    expect(await others.relay(0, apply)).toBe(1);

    expect(relayed).toEqual([['tag/book:1', 'epoch'], ['tag/user:1']]);
  });

  it.each([
    ['nothing', false, ''],
    ['what was written lately, and given up', false, `now() - interval '9 s', '-infinity', ''`],
    ['what its owner is still at work on', false, `now() - interval '1 h', now() + interval '1 h', ''`],
    ['what another namespace left', false, `now() - interval '1 h', '-infinity', 'admin:'`],
    ['what was given up', true, `now() - interval '11 s', '-infinity', ''`],
    ['what nobody renews', true, `now() - interval '11 s', now() - interval '1 s', ''`],
    ['what is for whoever takes it', true, `now() - interval '11 s', '-infinity', NULL`],
  ])('says whether a row has waited for so long: %s', async (_, hasWaited, row) => {
    const insert = 'INSERT INTO cache_outbox (written_at, renewed_at, namespace, tags) VALUES';
    if (row !== '') await database.dataSource.query(`${insert} (${row}, '{tag/book:1}')`);

    expect(await outbox.hasWaited(10_000)).toBe(hasWaited);
  });

  it('opens no transaction where nothing waits', async () => {
    const transaction = jest.spyOn(database.dataSource, 'transaction');

    const relayed = await outbox.relay(0, () => Promise.resolve(true));
    const { length } = transaction.mock.calls;
    transaction.mockRestore();

    expect([relayed, length]).toEqual([0, 0]);
  });

  it('says whether a relay was earlier than the owner who gives their rows up', async () => {
    const unit = new UnitOfWork('Books.rename', ['tag/book:1'], { outbox });
    outbox.watch();
    await inUnit(unit, commit);
    unit.end();

    expect(await outbox.narrow(unit.rows, ['tag/book:2'])).toBe(true);
    await outbox.settle(unit.rows);
    expect(await outbox.narrow(unit.rows, ['tag/book:2'])).toBe(false);
  });

  it('lets a write outside a transaction happen where it is no test, and warns once for each method', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue(undefined);
    process.env.NODE_ENV = 'production';
    try {
      const write = () =>
        database.dataSource.query(`INSERT INTO users (code, role) VALUES ('UX', 'student')`);
      for (const name of ['Books.add', 'Books.remove', 'Books.add']) {
        const unit = new UnitOfWork(name, [], { outbox });
        outbox.watch();
        await inUnit(unit, write).then(() =>
          database.dataSource.query(`DELETE FROM users WHERE code = 'UX'`),
        );
        unit.end();
        // There is no row of it.
        expect(unit.written).toBe(1);
      }
    } finally {
      process.env.NODE_ENV = 'test';
    }

    expect(warn.mock.calls).toEqual(
      ['Books.add', 'Books.remove'].map((name) => [
        expect.stringContaining(`${name} writes outside a transaction`),
        { code: 'CACHE_WRITE_OUTSIDE_TRANSACTION' },
      ]),
    );
    warn.mockRestore();
  });

  outboxContract(() => outbox, commit);
});
