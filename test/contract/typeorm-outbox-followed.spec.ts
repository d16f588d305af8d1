import type { DataSource, QueryRunner } from 'typeorm';
import { EPOCH } from '../../src/cache/engine/tags.js';
import { KEPT_MS } from '../../src/cache/outbox/outbox.js';
import { PoolBypass } from '../../src/cache/outbox/typeorm.bypass.js';
import { FollowedRows } from '../../src/cache/outbox/typeorm.followed.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { inUnit, UnitOfWork } from '../../src/cache/outbox/unit-of-work.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { deferred, turn } from '../support/deferred.js';
import { startPostgres } from '../support/postgres-process.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { outboxContract } from './outbox.contract.js';

const SCHEMA = `
  SELECT (SELECT count(*) FROM pg_trigger WHERE tgname = 'keep_settled') AS triggers,
    (SELECT regexp_replace(prosrc, '[[:space:]]+', ' ', 'g') FROM pg_proc WHERE proname = 'keep_settled') AS source, table_name, column_name, data_type, is_nullable, column_default, indexdef FROM information_schema.columns
  LEFT JOIN pg_indexes ON tablename = table_name AND indexdef LIKE '%(' || column_name || ')'
  WHERE table_name IN ('cache_outbox', 'cache_settled', 'cache_forgotten') ORDER BY table_name, column_name, 1, 2`;

describe('an outbox in PostgreSQL that is followed', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let outbox: TypeormOutbox;
  let nowMs = 0;
  let written = 0;
  let mark: string | undefined;
  let runners: QueryRunner[] = [];
  const clock = { monotonicMs: () => nowMs };

  beforeAll(async () => {
    database = await createTestDatabase();
    ({ dataSource } = database);
    outbox = new TypeormOutbox(dataSource, { followed: true, clock });
  });

  beforeEach(async () => {
    await dataSource.query('TRUNCATE cache_outbox, cache_settled');
    mark = undefined;
    await news();
  });

  afterEach(async () => {
    for (const runner of runners) await runner.release();
    runners = [];
  });

  afterAll(() => database.drop());

  /** What was invalidated since this was asked before; `undefined`: anything. */
  async function news(): Promise<string[] | undefined> {
    const { mark: next, invalidated } = await outbox.follow(mark);
    mark = next;
    return invalidated && [...invalidated].sort();
  }

  async function connect(): Promise<QueryRunner> {
    const runner = dataSource.createQueryRunner();
    runners.push(runner);
    await runner.connect();
    return runner;
  }

  const write = (by: { query(sql: string, parameters: unknown[]): Promise<unknown> }) =>
    by.query(`INSERT INTO users (code, role) VALUES ($1, 'student')`, [`U${++written}`]);

  const commit = () =>
    dataSource.transaction(async (manager) => {
      await write(manager);
    });

  /** A unit of work that has written, and has not settled its rows. */
  async function work(tags: string[], by = outbox): Promise<UnitOfWork> {
    const unit = new UnitOfWork('Books.rename', tags, { outbox: by });
    await inUnit(unit, commit);
    unit.endOutermost();
    return unit;
  }

  /** One whose transaction has written, but is not committed yet. */
  async function begin(tag: string): Promise<{ commit(): Promise<unknown>; rollback(): Promise<unknown> }> {
    const runner = await connect();
    const unit = new UnitOfWork('Books.rename', [tag], { outbox });
    await inUnit(unit, async () => {
      await runner.query('BEGIN');
      await write(runner);
    });
    return {
      commit: () => inUnit(unit, () => runner.query('COMMIT')),
      rollback: () => inUnit(unit, () => runner.query('ROLLBACK')),
    };
  }

  const insert = (sql: string) => dataSource.query(`INSERT INTO ${sql}`);

  it('tells once of what was committed, each tag once', async () => {
    expect(outbox.isFollowed).toBe(true);
    await work(['tag/book:1', 'tag/shelf:1']);
    await work(['tag/book:2', 'tag/shelf:1']);

    expect(await news()).toEqual(['tag/book:1', 'tag/book:2', 'tag/shelf:1']);
    expect(await news()).toEqual([]);
  });

  it('tells of what was under way when others were told of, though it began before them', async () => {
    const first = await begin('tag/book:1');
    const second = await begin('tag/book:2');
    await second.commit();
    expect(await news()).toEqual(['tag/book:2']);
    await work(['tag/book:3']);
    expect(await news()).toEqual(['tag/book:3']);
    expect(await news()).toEqual([]);

    await first.commit();

    expect(await news()).toEqual(['tag/book:1']);
    expect(await news()).toEqual([]);
  });

  it('tells of nothing that is rolled back, by itself or to a savepoint', async () => {
    const undone = await begin('tag/book:1');
    await undone.rollback();
    const runner = await connect();
    const row = (tag: string) => runner.query(`INSERT INTO cache_outbox (tags) VALUES ('{${tag}}')`);
    await runner.query('BEGIN; SAVEPOINT one');
    await row('tag/book:2');
    await runner.query('ROLLBACK TO one; SAVEPOINT two');
    await row('tag/book:3');
    expect(await news()).toEqual([]);
    // Its number is between that of the transaction and that of the savepoint.
    await work(['tag/book:4']);
    expect(await news()).toEqual(['tag/book:4']);
    await runner.query('SAVEPOINT three');
    await row('tag/book:5');

    await runner.query('COMMIT');

    expect(await news()).toEqual(['tag/book:3', 'tag/book:5']);
    expect(await news()).toEqual([]);
  });

  it('tells once more of what is settled, however often that is done', async () => {
    const { rows } = await work(['tag/book:1']);
    await news();

    await Promise.all([outbox.settle(rows), outbox.settle(rows)]);
    expect(await news()).toEqual(['tag/book:1']);

    await outbox.settle(rows);
    expect(await news()).toEqual([]);
  });

  it('tells once of what is settled around a pool that is in use, and again when its turn comes', async () => {
    const { rows } = await work(['tag/book:1']);
    await news();
    const single = await patientDataSource(database.url, 1).initialize();
    const busy = new TypeormOutbox(single, { followed: true, clock });
    const holder = single.createQueryRunner();
    await holder.connect();

    await busy.settle(rows);
    expect(await news()).toEqual(['tag/book:1']);

    await holder.release();
    await single.query('SELECT 1');
    expect(await news()).toEqual([]);
    await single.destroy();
  });

  it('tells through a pool that is in use', async () => {
    await news();
    await work(['tag/book:1']);
    const single = await patientDataSource(database.url, 1).initialize();
    const busy = new TypeormOutbox(single, { followed: true, clock });
    const holder = single.createQueryRunner();
    await holder.connect();

    const told = await busy.follow(mark);

    expect(told.invalidated).toEqual(['tag/book:1']);
    expect((await outbox.follow(told.mark)).invalidated).toEqual([]);
    await holder.release();
    await single.destroy();
  });

  it('tells of what is relayed while it is, and once more when that is confirmed', async () => {
    const [isApplied, mayEnd] = [deferred(), deferred()];
    await outbox.narrow((await work(['tag/cover:1'])).rows, ['tag/book:1']);
    await outbox.relay(0, () => Promise.resolve(false));
    const relaying = outbox.relay(0, async () => {
      isApplied.resolve();
      await mayEnd.promise;
      return true;
    });
    await isApplied.promise;
    expect(await news()).toEqual(['tag/book:1']);
    expect(await news()).toEqual([]);

    mayEnd.resolve();

    expect(await relaying).toBe(1);
    expect(await news()).toEqual(['tag/book:1']);
    expect(await news()).toEqual([]);
  });

  it('tells once more of what its owner gives up, also where a relay was earlier', async () => {
    const given = await work(['tag/cover:1']);
    const relayed = await work(['tag/cover:2']);
    await news();

    await outbox.narrow(given.rows, ['tag/book:1']);
    expect(await news()).toEqual(['tag/book:1']);
    await outbox.relay(0, () => Promise.resolve(true));
    expect(await news()).toEqual(['tag/book:1', 'tag/cover:2']);

    expect(await outbox.narrow(relayed.rows, ['tag/book:2'])).toBe(false);
    expect(await news()).toEqual(['tag/book:2']);
  });

  it('tells once of what is announced, which nobody relays, and which is no write of a method', async () => {
    const unit = new UnitOfWork('Books.rename', ['tag/book:1'], { outbox });

    await inUnit(unit, async () => {
      await outbox.announce(['tag/book:2\0', 'soft/book:3']);
      await news();
      mark = undefined;
    });

    expect(await news()).toEqual(['soft/book:3', 'tag/book:2']);
    expect(await news()).toEqual([]);
    expect(await outbox.relay(0, () => Promise.resolve(true))).toBe(0);
    expect(unit.written).toBe(0);
  });

  it('tells of its own namespace and of what has none', async () => {
    const others = new TypeormOutbox(dataSource, { followed: true, clock });
    others.serve('admin:');
    const { mark: othersMark } = await others.follow(undefined);
    const { rows } = await work(['tag/user:1'], others);
    await others.settle(rows);
    await others.announce(['tag/user:2']);
    await work(['tag/book:1']);
    await dataSource.query(TypeormOutbox.invalidateEverything);

    expect(await news()).toEqual([EPOCH, 'tag/book:1']);
    const { invalidated } = await others.follow(othersMark);
    expect([...invalidated!].sort()).toEqual([EPOCH, 'tag/user:1', 'tag/user:2']);
  });

  it.each([
    [5000, 5000, 10_000],
    [5000, 5001, undefined],
  ])('tells of %i rows that wait and %i that are settled: %s', async (waiting, settled, told) => {
    const first = mark;
    const rows = (from: number, count: number) =>
      `SELECT ARRAY['tag/book:' || n] FROM generate_series(${from}, ${from + count - 1}) n`;
    await insert(`cache_outbox (tags) ${rows(0, waiting)}`);
    await insert(`cache_settled (tags) ${rows(waiting, settled)}`);

    expect((await news())?.length).toBe(told);
    expect((await outbox.follow(undefined)).invalidated?.length).toBe(told);
    expect((await outbox.follow(first)).invalidated?.length).toBe(told);
    expect(await news()).toEqual([]);
  });

  it('tells nothing where nobody could note what was forgotten', async () => {
    await dataSource.query('ALTER TABLE cache_forgotten RENAME TO hidden');

    await expect(outbox.follow(mark)).rejects.toThrow('cache_forgotten');

    await dataSource.query('ALTER TABLE hidden RENAME TO cache_forgotten');
  });

  it('tells without a mark of all that it knows', async () => {
    await work(['tag/book:1']);
    await outbox.settle((await work(['tag/book:2'])).rows);
    await outbox.announce(['tag/book:3', 'tag/book:1']);
    await news();

    mark = undefined;

    expect(await news()).toEqual(['tag/book:1', 'tag/book:2', 'tag/book:3']);
    expect(await news()).toEqual([]);
  });

  it.each([
    ['of transactions that are yet to come', (given: string) => given.replace(/ .*/, ' 99999999:99999999:')],
    ['of which some are yet to come', (given: string) => given.replace(/:.*/, ':99999999:')],
    ['of another server, or of this one before it was started again', (given: string) => `1${given}`],
  ])('cannot tell by a mark %s, and goes on from there', async (_, change) => {
    await work(['tag/book:1']);
    mark = change(mark!);

    expect(await news()).toBeUndefined();
    await work(['tag/book:2']);

    expect(await news()).toEqual(['tag/book:2']);
  });

  describe('and forgets', () => {
    let rows: FollowedRows;

    beforeEach(() => {
      nowMs = 1_000_000;
      rows = new FollowedRows(new PoolBypass(dataSource), clock);
    });

    async function after(ms: number): Promise<string[] | undefined> {
      nowMs += ms;
      await rows.forgetOld();
      return told(undefined);
    }

    /** By one that forgets nothing. */
    async function told(since: string | undefined): Promise<string[] | undefined> {
      const { invalidated } = await new FollowedRows(new PoolBypass(dataSource), clock).since(since, '');
      return invalidated && [...invalidated].sort();
    }

    it('what was settled a minute ago, by the clock of the process, and nothing that was not', async () => {
      await outbox.announce(['tag/book:1']);
      await work(['tag/book:2']);
      expect(await after(0)).toEqual(['tag/book:1', 'tag/book:2']);
      await outbox.announce(['tag/book:3']);

      expect(await after(KEPT_MS - 1)).toEqual(['tag/book:1', 'tag/book:2', 'tag/book:3']);
      expect(await after(9999)).toHaveLength(3);
      expect(await after(1)).toEqual(['tag/book:2', 'tag/book:3']);
      expect(await after(KEPT_MS - 10_001)).toEqual(['tag/book:2', 'tag/book:3']);
      expect(await after(10_001)).toEqual(['tag/book:2']);
    });

    it('also while a transaction lasts that began before, and of that nothing for a minute after its end', async () => {
      const runner = await connect();
      await runner.query('BEGIN');
      await runner.query(`INSERT INTO cache_settled (tags) VALUES ('{tag/book:1}')`);
      await outbox.announce(['tag/book:2']);
      expect(await after(0)).toEqual(['tag/book:2']);
      expect(await after(KEPT_MS - 1)).toEqual(['tag/book:2']);
      await runner.query('COMMIT');

      expect(await after(10_000)).toEqual(['tag/book:1']);
      expect(await after(KEPT_MS - 1)).toEqual(['tag/book:1']);
      expect(await after(KEPT_MS)).toEqual([]);
    });

    it('what others are forgetting already only where they fail, and waits for nobody', async () => {
      await outbox.announce(['tag/book:1']);
      await after(0);
      const runner = await connect();
      await runner.query('BEGIN; DELETE FROM cache_settled');

      expect(await after(KEPT_MS)).toEqual(['tag/book:1']);
      await runner.query('ROLLBACK');

      expect(await after(10_000)).toEqual([]);
    });

    it('what is missed on a machine whose clock stands still meanwhile, which is told so', async () => {
      let itsMs = 0;
      const suspended = new FollowedRows(new PoolBypass(dataSource), { monotonicMs: () => itsMs });
      await suspended.forgetOld();
      const { mark: itsMark } = await suspended.since(undefined, '');
      await outbox.announce(['tag/book:1']);
      await after(0);
      itsMs = KEPT_MS / 2;
      expect((await suspended.since(itsMark, '')).invalidated).toEqual(['tag/book:1']);
      expect((await suspended.since(undefined, '')).invalidated).toEqual(['tag/book:1']);

      expect(await after(KEPT_MS)).toEqual([]);

      expect((await suspended.since(itsMark, '')).invalidated).toBeUndefined();
      expect((await suspended.since(undefined, '')).invalidated).toBeUndefined();
    });

    it('and does not take back what another has forgotten that knew more', async () => {
      const slow = new FollowedRows(new PoolBypass(dataSource), clock);
      await slow.forgetOld();
      const { mark: before } = await slow.since(undefined, '');
      await outbox.announce(['tag/book:1']);
      await after(0);
      await after(KEPT_MS);

      await slow.forgetOld();

      expect(await told(before)).toBeUndefined();
      expect(await dataSource.query('SELECT FROM cache_forgotten')).toHaveLength(1);
    });

    it('10,000 rows at a time, and the next as soon as that is asked for: they must not come faster than they go', async () => {
      await insert(`cache_settled (tags) SELECT '{tag/book:1}' FROM generate_series(1, 10001)`);
      await after(0);

      await after(KEPT_MS);
      expect(await dataSource.query('SELECT tags FROM cache_settled')).toHaveLength(1);
      expect(await after(1)).toEqual([]);
      await outbox.announce(['tag/book:2']);
      const query = jest.spyOn(dataSource, 'query');
      await rows.forgetOld();
      expect(query).not.toHaveBeenCalled();
      query.mockRestore();
    });

    it('nothing by what it knew of another server', async () => {
      await outbox.announce(['tag/book:1']);
      const query = jest.spyOn(dataSource, 'query');
      await after(0);
      const [{ mark }] = (await query.mock.results[0]!.value) as [{ mark: string }];
      query.mockResolvedValueOnce([{ mark: `1${mark}` }]);
      expect(await after(KEPT_MS - 1)).toEqual(['tag/book:1']);
      rows = new FollowedRows(new PoolBypass(dataSource), clock);
      query.mockResolvedValueOnce([{ mark: `1${mark}` }]);
      await after(0);
      query.mockRestore();

      expect(await after(KEPT_MS)).toEqual(['tag/book:1']);
    });

    it('what a dump has brought from a server that has come further, and does not tell of it', async () => {
      for (const table of ['cache_settled', 'cache_outbox'])
        await insert(`${table} (tags, committed_in) VALUES ('{tag/${table}}', '99999999')`);
      expect(await told(mark)).toEqual([]);

      expect(await after(0)).toEqual(['tag/cache_outbox']);
    });

    it('goes on where the database was away', async () => {
      await outbox.announce(['tag/book:1']);
      await after(0);
      jest.spyOn(dataSource, 'query').mockRejectedValueOnce(new Error('away'));
      expect(await after(KEPT_MS)).toEqual(['tag/book:1']);
      jest.restoreAllMocks();

      expect(await after(10_000)).toEqual([]);
    });

    it.each([
      ['relays', (by: TypeormOutbox) => by.relay(0, () => Promise.resolve(true))],
      ['follows, for nobody relays while the store is away', (by: TypeormOutbox) => by.follow(undefined)],
    ])('behind whoever %s', async (_, ask) => {
      const by = new TypeormOutbox(dataSource, { followed: true, clock });
      await outbox.announce(['tag/book:1']);
      const query = jest.spyOn(dataSource, 'query');
      await ask(by);
      await pollUntil(() => query.mock.calls.some(([sql]) => sql.includes('DELETE')), 5000);
      await Promise.all(query.mock.results.map(({ value }) => value as Promise<unknown>));
      await turn();
      query.mockRestore();
      nowMs += KEPT_MS;

      await ask(by);

      await pollUntil(async () => (await dataSource.query('SELECT FROM cache_settled')).length === 0, 5000);
    });
  });

  it('is made by its statements as by the migrations, and has what waited before told of', async () => {
    const migrated: unknown = await dataSource.query(SCHEMA);
    await dataSource.query(
      'DROP TABLE cache_outbox, cache_settled, cache_forgotten; DROP FUNCTION keep_settled',
    );
    await dataSource.query(TypeormOutbox.table);
    await insert(`cache_outbox (tags) VALUES ('{tag/book:1}')`);
    const files = () => dataSource.query(`SELECT pg_relation_filenode('cache_outbox')`);
    const before: unknown = await files();

    await dataSource.query(TypeormOutbox.settledTable);

    // Nothing was written anew.
    expect(await files()).toEqual(before);
    expect(await dataSource.query(SCHEMA)).toEqual(migrated);
    expect(await news()).toEqual(['tag/book:1']);
  });

  it('tells of what is settled by one that is not followed, such as that of an older version', async () => {
    const older = new TypeormOutbox(dataSource);
    const { rows } = await work(['tag/book:1'], older);
    await news();

    await older.settle(rows);

    expect(await news()).toEqual(['tag/book:1']);
  });

  it('tells that it does not know where the server has recovered from a process that was killed', async () => {
    const own = await startPostgres();
    const source = await patientDataSource(own.url).initialize();
    try {
      await source.query(TypeormOutbox.table);
      await source.query(TypeormOutbox.settledTable);
      const its = new TypeormOutbox(source, { followed: true });
      const runner = source.createQueryRunner();
      // Numbers that are given again, for nothing of them was written to disk.
      for (let n = 0; n < 20; n++) {
        await runner.startTransaction();
        await runner.query('SELECT pg_current_xact_id()');
        await runner.rollbackTransaction();
      }
      const { mark: before } = await its.follow(undefined);
      const [{ pid }] = (await runner.query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
      process.kill(pid, 'SIGKILL');
      await runner.release().catch(() => undefined);
      await pollUntil(
        () =>
          source.query('SELECT 1').then(
            () => true,
            () => false,
          ),
        20_000,
      );
      for (let n = 0; n < 30; n++) await its.announce(['tag/book:1']);

      expect((await its.follow(before)).invalidated).toBeUndefined();
    } finally {
      await source.destroy();
      await own.remove();
    }
  });

  outboxContract(() => outbox, commit);
});
