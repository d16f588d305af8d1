import type { Client } from 'pg';
import { type DataSource, In, type EntitySubscriberInterface, type QueryRunner } from 'typeorm';
import { resultWithin, systemClock } from '../../src/cache/engine/clock.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { inUnit, UnitOfWork } from '../../src/cache/outbox/unit-of-work.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { User } from '../../src/records/users/user.entity.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { outboxContract } from './outbox.contract.js';

/** What no unit of work names here. */
const anotherBook = { tags: ['tag/book:2'], furtherTags: { mayBeNamed: false } };

describe('the outbox in PostgreSQL, through TypeORM', () => {
  let database: TestDatabase;
  let outbox: TypeormOutbox;
  let written = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    outbox = new TypeormOutbox(database.dataSource);
    await database.dataSource.query('DROP TABLE cache_outbox, cache_settled, cache_forgotten');
    await database.dataSource.query(TypeormOutbox.table);
  });

  beforeEach(() => database.dataSource.query('TRUNCATE cache_outbox'));

  afterAll(() => database.drop());

  const commit = () =>
    database.dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO users (code, role) VALUES ($1, 'student')`, [`U${++written}`]);
    });

  const rows = () =>
    database.dataSource.query<{ id: string; tags: string[] }[]>(
      'SELECT id, tags FROM cache_outbox ORDER BY id',
    );

  it("writes no row for another outbox's unit of work", async () => {
    const other = new TypeormOutbox(database.dataSource);
    const unit = new UnitOfWork('Books.rename', ['tag/book:1'], { outbox: other });

    await inUnit(unit, commit);

    expect(unit.rows).toHaveLength(1);
    expect(await database.dataSource.query('SELECT id FROM cache_outbox')).toEqual([{ id: unit.rows[0] }]);
  });

  it.each([
    ['lately', 9999, 1],
    ['long ago, and may have begun what never ends', 10_000, 0],
  ])('writes a row for a unit of work that ended %s: %s ms before, %s', async (_, ms, count) => {
    const unit = new UnitOfWork('Books.rename', ['tag/book:1'], { outbox });
    const settleLate = jest.fn(() => Promise.resolve());
    jest.spyOn(systemClock, 'monotonicMs').mockReturnValueOnce(0).mockReturnValue(ms);

    await inUnit(unit, async () => {
      unit.exit();
      unit.endOutermost(settleLate);
      await commit();
    });

    jest.restoreAllMocks();
    expect(await rows()).toHaveLength(count);
    expect(settleLate).toHaveBeenCalledTimes(count);
  });

  it('sees transactions of a data source that is initialised after it, from the first on, whoever else does', async () => {
    const dataSource = patientDataSource(database.url);
    const outboxes = [new TypeormOutbox(dataSource), new TypeormOutbox(dataSource)];
    await dataSource.initialize();
    const units = outboxes.map((outbox) => new UnitOfWork('Books.rename', ['tag/book:1'], { outbox }));

    const insert = `INSERT INTO users (code, role) VALUES ($1, 'student')`;
    for (const unit of units)
      await inUnit(unit, () => dataSource.transaction((manager) => manager.query(insert, [`U${++written}`])));

    expect(units.map(({ rows }) => rows.length)).toEqual([1, 1]);
    await dataSource.destroy();
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

  it('relays a row only when it has not been renewed for a while', async () => {
    await database.dataSource.query(
      `INSERT INTO cache_outbox (tags, renewed_at) SELECT ARRAY['tag/' || n], clock_timestamp() - interval '1 hour'
       FROM generate_series(1, 3) n`,
    );
    const [, second, third] = await rows();
    const relayed: (readonly string[])[] = [];

    await outbox.renew([second!.id, third!.id]);
    await outbox.narrow([third!.id], ['tag/given up']);
    await outbox.renew([third!.id]);
    await outbox.relay(60_000, (tags) => Promise.resolve(relayed.push(tags) > 0));

    expect(relayed).toEqual([['tag/1', 'tag/given up']]);
    expect(await rows()).toEqual([second]);
  });

  it('relays a row that the clock of the database has not come to yet, for it was set back', async () => {
    await database.dataSource.query(
      `INSERT INTO cache_outbox (tags, renewed_at) VALUES ('{tag/ahead}', clock_timestamp() + interval '1 minute')`,
    );
    const relayed: (readonly string[])[] = [];

    await outbox.relay(60_000, (tags) => Promise.resolve(relayed.push(tags) > 0));

    expect(relayed).toEqual([['tag/ahead']]);
  });

  it.each([
    ['nothing', false, ''],
    ['what was written lately, and given up', false, `now() - interval '9 s', '-infinity', ''`],
    ['what its owner is still at work on', false, `now() - interval '1 h', now() + interval '900 ms', ''`],
    ['what another namespace left', false, `now() - interval '1 h', '-infinity', 'admin:'`],
    ['what was given up', true, `now() - interval '11 s', '-infinity', ''`],
    ['what nobody renews', true, `now() - interval '11 s', now() - interval '1 s', ''`],
    ['what is for whoever takes it', true, `now() - interval '11 s', '-infinity', NULL`],
  ])('says whether a row has waited for so long: %s', async (_, hasWaited, row) => {
    const insert = 'INSERT INTO cache_outbox (written_at, renewed_at, namespace, tags) VALUES';
    if (row !== '') await database.dataSource.query(`${insert} (${row}, '{tag/book:1}')`);

    expect(await outbox.hasWaited(10_000)).toBe(hasWaited);
  });

  it.each([
    [500, 500],
    [501, undefined],
  ])('tells of %i rows that were committed, of its namespace or of none: %s', async (count, told) => {
    await database.dataSource.query(
      `INSERT INTO cache_outbox (namespace, tags)
       SELECT CASE n % 2 WHEN 0 THEN '' END, ARRAY['tag/book:' || n] FROM generate_series(1, $1::int) n
       UNION ALL SELECT 'admin:', '{tag/user:1}'`,
      [count],
    );

    const rows = await outbox.committed();

    expect(rows?.length).toBe(told);
    expect(rows?.flatMap(({ tags }) => tags) ?? []).not.toContain('tag/user:1');
  });

  describe('whose pool has all its connections in use', () => {
    const insert = `INSERT INTO cache_outbox (tags, renewed_at) VALUES ('{tag/book:1}', 'epoch') RETURNING id`;
    let dataSource: DataSource;
    let busy: TypeormOutbox;
    let holder: QueryRunner;

    beforeEach(async () => {
      dataSource = await patientDataSource(database.url, 1).initialize();
      busy = new TypeormOutbox(dataSource);
      holder = dataSource.createQueryRunner();
      await holder.connect();
    });

    afterEach(async () => {
      await holder.release();
      await dataSource.destroy();
    });

    async function write(): Promise<string> {
      const [row] = await database.dataSource.query<{ id: string }[]>(insert);
      return row!.id;
    }

    const connections = async () => {
      const [found] = await database.dataSource.query<{ pids: number[] }[]>(
        `SELECT array_agg(pid) AS pids FROM pg_stat_activity WHERE datname = current_database()`,
      );
      return found!.pids;
    };

    it('settles and renews rows all the same, and keeps no connection for that', async () => {
      const [settled, renewed] = [await write(), await write()];
      const before = await connections();

      await Promise.all([busy.settle([settled]), busy.renew([renewed])]);

      expect(await rows()).toEqual([{ id: renewed, tags: ['tag/book:1'] }]);
      expect(await outbox.relay(60_000, () => Promise.resolve(true))).toBe(0);
      const after = async () => (await connections()).every((pid) => before.includes(pid));
      await pollUntil(after, 5000);
    });

    it('goes that way also with a client that shows nothing of its connection, as that of pg-native', async () => {
      const { master } = dataSource.driver as unknown as { master: { Client: typeof Client } };
      const Shown = master.Client;
      master.Client = class {
        readonly #client: Client;
        constructor(options: object) {
          this.#client = new Shown(options);
        }
        on = () => undefined;
        connect = () => this.#client.connect();
        query = (sql: string, values: unknown[]) => this.#client.query(sql, values);
        end = () => this.#client.end();
      } as never;
      const before = await connections();

      await busy.settle([await write()]);

      expect(await rows()).toEqual([]);
      await pollUntil(async () => (await connections()).every((pid) => before.includes(pid)), 5000);
    });

    it('goes that way again when more is to be settled', async () => {
      await busy.settle([await write()]);
      await busy.settle([await write()]);

      expect(await rows()).toEqual([]);
    });

    it('waits for its turn where the database lets no further connection in', async () => {
      const { master } = dataSource.driver as unknown as { master: { options: object } };
      Object.assign(master.options, { connectionString: 'postgres://nobody@127.0.0.1:1/none' });
      const id = await write();
      const settling = busy.settle([id]);
      const settled = settling.then(() => true);
      expect(await resultWithin(systemClock, 500, settled)).toBeUndefined();

      await holder.release();
      await settling;

      expect(await rows()).toEqual([]);
    });
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
    await inUnit(unit, commit);
    unit.endOutermost();

    expect(await outbox.narrow(unit.rows, ['tag/book:2'])).toBe(true);
    await outbox.settle(unit.rows);
    expect(await outbox.narrow(unit.rows, ['tag/book:2'])).toBe(false);
  });

  describe('a connection that is driven by hand', () => {
    let runner: QueryRunner;
    let unit: UnitOfWork;

    beforeEach(() => {
      runner = database.dataSource.createQueryRunner();
      unit = new UnitOfWork('Books.rename', ['tag/book:1'], { outbox });
    });

    afterEach(() => runner.release());

    const write = () =>
      runner.query(`INSERT INTO users (code, role) VALUES ($1, 'student')`, [`U${++written}`]);
    const send = (...statements: string[]) =>
      inUnit(unit, async () => {
        for (const statement of statements) await (statement === 'write' ? write() : runner.query(statement));
      });

    it.each([
      ['BEGIN', 'COMMIT'],
      ['begin isolation level serializable;', 'end'],
      ['START  TRANSACTION', 'commit work'],
      ['-- a; book\nBEGIN; -- now', '/* and; */ -- done\nCOMMIT'],
    ])('writes a row with what it commits: %s … %s', async (begin, commit) => {
      await send(begin, 'write', 'SAVEPOINT one', 'write', 'ROLLBACK WORK TO SAVEPOINT one', commit);

      expect(unit.rows).toHaveLength(1);
    });

    it.each(['ROLLBACK', 'abort'])('writes none with what it undoes: %s', async (rollback) => {
      await send('BEGIN', 'write', rollback);

      expect(unit.written).toBe(0);
    });

    it.each(['COMMIT', 'ROLLBACK'])('has no transaction any more after its end: %s', async (end) => {
      await send('BEGIN', 'write');
      expect(unit.readsPast(anotherBook)).toBe(true);

      await send(end);

      expect(unit.readsPast(anotherBook)).toBe(false);
      await expect(send('write')).rejects.toMatchObject({ code: 'CACHE_WRITE_OUTSIDE_TRANSACTION' });
    });

    it.each(['COMMIT', 'ROLLBACK'])('has the next one at once where that is chained: %s', async (end) => {
      await send('BEGIN', 'write', `${end} AND CHAIN`);
      expect(unit.readsPast(anotherBook)).toBe(true);
      const rows = unit.rows.length;

      await send('write', 'COMMIT AND NO CHAIN');

      expect(unit.rows).toHaveLength(rows + 1);
      expect(unit.readsPast(anotherBook)).toBe(false);
    });

    it('goes on with the transaction that it is in where that is begun once more', async () => {
      await send('BEGIN', 'write', 'BEGIN', 'write', 'COMMIT');

      expect(unit.rows).toHaveLength(1);
      expect(unit.readsPast(anotherBook)).toBe(false);
    });

    it('commits nothing, and leaves a whole connection, where a statement has failed before', async () => {
      await expect(send('BEGIN', 'write', 'SELECT nothing')).rejects.toThrow('does not exist');

      await send('COMMIT');

      expect(unit.rows).toHaveLength(0);
      await send('BEGIN', 'write', 'COMMIT');
      expect(unit.rows).toHaveLength(1);
    });

    it('has none that could not begin, or whose end has failed', async () => {
      await expect(send('BEGIN ISOLATION LEVEL none')).rejects.toThrow('syntax error');
      expect(unit.readsPast(anotherBook)).toBe(false);
      await runner.query('CREATE TEMPORARY TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)');

      await expect(send('BEGIN', 'INSERT INTO late VALUES (1), (1)', 'COMMIT')).rejects.toThrow(
        'duplicate key',
      );

      expect(unit.readsPast(anotherBook)).toBe(false);
    });

    it('writes a row although another subscriber has thrown after the commit before', async () => {
      const inTransaction = async () => {
        await runner.startTransaction();
        await write();
        await runner.commitTransaction();
      };
      const thrower: EntitySubscriberInterface = {
        afterTransactionCommit: () => {
          throw new Error('not ours');
        },
      };
      const { subscribers } = database.dataSource;
      subscribers.unshift(thrower);
      await expect(inUnit(unit, inTransaction)).rejects.toThrow('not ours');
      subscribers.splice(subscribers.indexOf(thrower), 1);

      await inUnit(unit, inTransaction);

      expect(unit.rows).toHaveLength(2);
    });
  });

  it.each([
    ['a function of the application', 1, 'SELECT award_badge(1)'],
    ['one whose name is quoted', 1, 'SELECT "award_badge" (1)'],
    ['one of a schema', 1, 'SELECT public.award_badge(1)'],
    ['one that is called as everybody’s', 1, 'SELECT public.lower(1)'],
    [
      'functions that everybody knows',
      0,
      `SELECT COUNT(DISTINCT(code)), max(lower(code)) FROM users WHERE code IN ($1)`,
    ],
    ['a text that looks like one', 0, `SELECT 'award_badge(1)' -- award_badge(1)`],
    ['what TypeORM asks', 0, undefined],
  ])('takes a unit for one that has written where it calls %s: %d', async (_, isWritten, query) => {
    const { manager } = database.dataSource;
    for (const name of ['award_badge', 'lower'])
      await manager.query(
        `CREATE OR REPLACE FUNCTION public.${name}(int) RETURNS int LANGUAGE sql AS 'SELECT $1'`,
      );
    const unit = new UnitOfWork('Books.rename', [], { outbox });

    await inUnit(unit, async () => {
      if (query !== undefined) await manager.query(query, query.includes('$1') ? ['U1'] : []);
      else await manager.findAndCount(User, { where: { code: In(['U1', 'U2']) }, take: 1 });
    });

    expect(unit.written).toBe(isWritten);
  });

  it('lets a write outside a transaction happen where it is no test, and warns once for each method', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue(undefined);
    process.env.NODE_ENV = 'production';
    try {
      const write = () =>
        database.dataSource.query(`INSERT INTO users (code, role) VALUES ('UX', 'student')`);
      for (const name of ['Books.add', 'Books.remove', 'Books.add']) {
        const unit = new UnitOfWork(name, [], { outbox });
        await inUnit(unit, write).then(() =>
          database.dataSource.query(`DELETE FROM users WHERE code = 'UX'`),
        );
        unit.endOutermost();
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

  it('is followed by nobody where that is not said, and needs no further table and column for it', async () => {
    await outbox.announce(['tag/book:1']);

    expect(outbox.isFollowed).toBe(false);
    expect((await outbox.follow(undefined)).invalidated).toBeUndefined();
  });

  outboxContract(() => outbox, commit);
});
