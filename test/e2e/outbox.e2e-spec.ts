import type { INestApplication } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Cached, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { outsideUnits } from '../../src/cache/outbox/unit-of-work.js';
import { patientDataSource } from '../../src/database/data-source.js';
import { settledIn, startCachedApp } from '../support/cached-app.js';
import { deferred } from '../support/deferred.js';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, startRedis, type RedisProcess } from '../support/processes.js';

jest.setTimeout(120_000);

@Injectable()
class Names {
  constructor(
    private readonly dataSource: DataSource,
    private readonly cache: CacheService,
  ) {}

  @Cached({ ttl: 600, prefix: 'name', tags: ['name:{0}'] })
  async name(code: string): Promise<string | null> {
    const [user] = await this.dataSource.query<{ full_name: string | null }[]>(
      'SELECT full_name FROM users WHERE code = $1',
      [code],
    );
    return user?.full_name ?? null;
  }

  @InvalidateCache('name:{0}')
  async rename(code: string, name: string, fails: 'before' | 'after' | 'never' = 'never'): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('UPDATE users SET full_name = $2 WHERE code = $1', [code, name]);
      if (fails === 'before') throw new Error('rolled back');
    });
    if (fails === 'after') throw new Error('failed after the commit');
  }

  @InvalidateCache<Names['renameInSteps']>((args) => [`name:${args[0]}`])
  async renameInSteps(code: string): Promise<void> {
    await this.dataSource.transaction(async (outer) => {
      await outer.transaction((inner) =>
        inner.query(`UPDATE users SET full_name = 'one' WHERE code = $1`, [code]),
      );
      await outer
        .transaction(async (inner) => {
          await inner.query(`UPDATE users SET full_name = 'two' WHERE code = $1`, [code]);
          throw new Error('undone');
        })
        .catch(() => undefined);
    });
  }

  @InvalidateCache<Names['renameSlowly']>({ tags: ['name:{0}', (args) => [`name:${args[0]}`]] })
  async renameSlowly(code: string, name: string, rest: Promise<void>): Promise<void> {
    await this.rename(code, name);
    await rest;
  }

  @InvalidateCache('name:{0}')
  async renameTwice(code: string): Promise<void> {
    await this.rename(code, 'first');
    await this.rename(code, 'second');
  }

  @InvalidateCache('name:{1}')
  async enrol(code: string, name: string): Promise<void> {
    await this.rename(code, name, 'after').catch(() => undefined);
  }

  /** Names nothing where there is nothing to do. */
  @InvalidateCache<Names['ensure']>({ tags: ([code], isChanged) => (isChanged ? [`name:${code}`] : []) })
  async ensure(code: string, name: string): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      const change = 'UPDATE users SET full_name = $2 WHERE code = $1 AND full_name <> $2 RETURNING code';
      const [changed] = await manager.query<[unknown[], number]>(change, [code, name]);
      return changed.length > 0;
    });
  }

  @InvalidateCache<Names['lock']>({ tags: ([code], isChanged) => (isChanged ? [`name:${code}`] : []) })
  lock(code: string): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT code FROM users WHERE code = $1 FOR UPDATE', [code]);
      return false;
    });
  }

  @InvalidateCache<Names['begin']>(() => [])
  begin(work: () => Promise<void>): Promise<{ work: Promise<void> }> {
    return Promise.resolve({ work: work() });
  }

  @InvalidateCache<Names['look']>(() => [])
  async look(): Promise<void> {
    await this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      await manager.query('SET TRANSACTION READ ONLY');
      await manager.query('SELECT 1');
    });
    throw new Error('not found');
  }

  @InvalidateCache('name:{1}')
  async renameIn(manager: EntityManager, code: string, fails = false): Promise<void> {
    await manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]);
    if (fails) throw new Error('failed after its write');
  }

  @InvalidateCache('name:{0}')
  async renameTogether(code: string, other: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]);
      await this.renameIn(manager, other, true).catch(() => undefined);
    });
  }

  @InvalidateCache('name:{1}')
  async renameAfter(gate: Promise<void>, code: string): Promise<void> {
    await gate;
    await this.dataSource.transaction((manager) =>
      manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]),
    );
  }

  /** Does not wait for what it has begun. */
  @InvalidateCache('name:{0}')
  async renameBeside(
    code: string,
    begin: (write: () => Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    await begin(() =>
      this.dataSource.transaction((manager) =>
        manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]),
      ),
    );
  }

  @InvalidateCache('name:{0}')
  async renameAndTell(code: string, name: string): Promise<string | null> {
    await this.name(code);
    await this.dataSource.transaction((manager) =>
      manager.query('UPDATE users SET full_name = $2 WHERE code = $1', [code, name]),
    );
    return this.name(code);
  }

  @InvalidateCache('name:{0}')
  async renameLike(code: string, other: string): Promise<void> {
    const name = await this.name(other);
    await this.dataSource.transaction((manager) =>
      manager.query('UPDATE users SET full_name = $2 WHERE code = $1', [code, name]),
    );
  }

  /** As a transaction sees it. */
  nameIn(manager: EntityManager, code: string): Promise<string | undefined> {
    return this.cache.getOrSet(code, { ttl: 600, prefix: 'name_in', tags: [`name:${code}`] }, async () => {
      const query = 'SELECT full_name FROM users WHERE code = $1';
      const [user] = await manager.query<{ full_name: string }[]>(query, [code]);
      return user?.full_name;
    });
  }

  @InvalidateCache('name:{0}')
  async renameAndUndo(code: string, tell: (seen: string | undefined) => void): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE users SET full_name = 'never' WHERE code = $1`, [code]);
      tell(await this.nameIn(manager, code));
      throw new Error('rolled back');
    });
  }

  @InvalidateCache('name:{0}')
  async renameAndForget(code: string, beforeCommit: () => void): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]);
      await this.cache.getOrSet(`forgotten ${code}`, { ttl: 600 }, async () => {
        await this.cache.invalidate(`made:${code}`);
        return 'forgotten';
      });
      beforeCommit();
    });
  }

  /** As {@link rename}, but looks first, with what its caller has begun. */
  @InvalidateCache('name:{1}')
  async lookAndRenameIn(manager: EntityManager, code: string, other: string): Promise<string | undefined> {
    const name = await this.nameIn(manager, other);
    await manager.query(`UPDATE users SET full_name = 'new' WHERE code = $1`, [code]);
    return name;
  }

  @Cached({ ttl: 600, prefix: 'made', tags: ['made:{0}'] })
  async findOrCreate(code: string): Promise<string> {
    await this.dataSource.transaction((manager) =>
      manager.query(`UPDATE users SET full_name = 'made' WHERE code = $1`, [code]),
    );
    return code;
  }

  @InvalidateCache('name:{0}')
  async createAndFail(code: string): Promise<void> {
    await this.findOrCreate(code);
    throw new Error('failed after that');
  }

  /** Names of others, as they were when the transaction began. */
  @InvalidateCache('name:{0}')
  async compare(code: string, other: string, meanwhile: () => Promise<void>): Promise<string | undefined> {
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      await manager.query('SELECT full_name FROM users WHERE code = $1', [code]);
      await meanwhile();
      return this.nameIn(manager, other);
    });
  }

  @InvalidateCache('name:*')
  async say(query: string): Promise<void> {
    await this.dataSource.query(query);
  }

  @InvalidateCache('name:{1}')
  async sayAndFail(query: string, code: string): Promise<void> {
    await this.dataSource.query(query, [code]);
    throw new Error('failed after that');
  }

  @InvalidateCache('name:{0}')
  async renameUnprotected(code: string): Promise<void> {
    await this.dataSource.query('UPDATE users SET full_name = $2 WHERE code = $1', [code, 'x']);
  }
}

let database: TestDatabase;
let redis: RedisProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startRedis();
});

afterAll(async () => {
  redis.thaw();
  await redis.stop();
  await database.drop();
});

function rows(): Promise<{ id: string; tags: string[] }[]> {
  return database.dataSource.query('SELECT id, tags FROM cache_outbox ORDER BY id');
}

describe('a method that writes in transactions', () => {
  let app: INestApplication;
  let names: Names;

  beforeAll(async () => {
    const dataSource = await patientDataSource(database.url, 8).initialize();
    const outbox = new TypeormOutbox(dataSource);
    ({ app } = await startCachedApp({
      providers: [
        Names,
        { provide: DataSource, useValue: dataSource },
        { provide: TypeormOutbox, useValue: outbox },
      ],
      options: { redis: { url: redis.url, commandTimeoutMs: 1000 }, outbox },
    }));
    names = app.get(Names);
  });

  afterAll(async () => {
    redis.thaw();
    const dataSource = app.get(DataSource);
    await app.close();
    await dataSource.destroy();
  });

  beforeEach(async () => {
    await database.dataSource.query(`TRUNCATE users CASCADE`);
    await database.dataSource.query(
      `INSERT INTO users (code, role, full_name) SELECT 'U' || n, 'student', 'old' FROM generate_series(0, 60) n`,
    );
    await database.dataSource.query('TRUNCATE cache_outbox');
    await app.get(CacheService).invalidate('name:*');
    await available();
  });

  function available(): Promise<void> {
    return pollUntil(() => app.get(CacheService).stats().isAvailable, 5000);
  }

  const settled = <T>(value: Promise<T>) => settledIn(app, value);

  it('leaves no row once its invalidation is confirmed', async () => {
    await settled(names.name('U1'));

    await settled(names.rename('U1', 'new'));

    expect(await names.name('U1')).toBe('new');
    expect(await rows()).toEqual([]);
  });

  it('invalidates nothing and leaves no row when it is rolled back', async () => {
    await settled(names.name('U1'));

    await expect(names.rename('U1', 'new', 'before')).rejects.toThrow('rolled back');

    const { prefixes } = app.get(CacheService).stats();
    const { hits = 0 } = prefixes.get('name') ?? {};
    expect(await names.name('U1')).toBe('old');
    expect(app.get(CacheService).stats().prefixes.get('name')?.hits).toBe(hits + 1);
    expect(await rows()).toEqual([]);
  });

  it('invalidates also when it fails after its commit', async () => {
    await settled(names.name('U1'));

    await expect(names.rename('U1', 'new', 'after')).rejects.toThrow('failed after the commit');

    expect(await names.name('U1')).toBe('new');
  });

  it('invalidates what a method it called had committed before it failed', async () => {
    await settled(names.name('U1'));

    await names.enrol('U1', 'new');

    expect(await names.name('U1')).toBe('new');
  });

  it('invalidates what a method that failed had written in its own transaction', async () => {
    await settled(names.name('U2'));

    await settled(names.renameTogether('U1', 'U2'));

    expect(await names.name('U2')).toBe('new');
    expect(await rows()).toEqual([]);
  });

  it('invalidates what a method it called commits after it', async () => {
    await settled(names.name('U1'));
    const gate = deferred();
    const { work } = await names.begin(() => names.renameAfter(gate.promise, 'U1'));
    // Others read what was before, and keep it.
    expect(await settled(names.name('U1'))).toBe('old');

    gate.resolve();
    await settled(work);

    expect(await names.name('U1')).toBe('new');
    expect(await rows()).toEqual([]);
  });

  it.each<[string, (works: Promise<unknown>[]) => Promise<unknown>]>([
    ['all', (works) => Promise.all(works)],
    ['race', (works) => Promise.race(works)],
  ])(
    'invalidates what it commits in a transaction that begins after it has thrown: Promise.%s',
    async (_, wait) => {
      await settled(names.name('U1'));
      const gate = deferred();
      let late: Promise<unknown> = Promise.resolve();
      const renaming = names.renameBeside('U1', (write) => {
        late = gate.promise.then(write);
        return wait([late, Promise.reject(new Error('refused'))]);
      });
      await expect(renaming).rejects.toThrow('refused');
      expect(await settled(names.name('U1'))).toBe('old');

      gate.resolve();
      await settled(late);

      expect(await names.name('U1')).toBe('new');
      expect(await rows()).toEqual([]);
    },
  );

  it('leaves a row for what a method it called commits after it, for as long as Redis hangs', async () => {
    const gate = deferred();
    const { work } = await names.begin(() => names.renameAfter(gate.promise, 'U1'));
    redis.freeze();

    gate.resolve();
    await work;

    expect((await rows()).flatMap(({ tags }) => tags)).toContain('tag/name:U1');
    redis.thaw();
    await pollUntil(async () => (await rows()).length === 0, 10_000);
  });

  it('leaves no row and invalidates nothing when it only read', async () => {
    await settled(names.name('U1'));
    const { invalidationMs } = app.get(CacheService).stats();

    await expect(names.look()).rejects.toThrow('not found');

    expect(await rows()).toEqual([]);
    expect(app.get(CacheService).stats().invalidationMs.count).toBe(invalidationMs.count);
  });

  it('does not swallow invalidations of work that outlives it', async () => {
    await settled(names.name('U1'));
    const gate = deferred();
    const { work } = await names.begin(async () => {
      await gate.promise;
      await app.get(CacheService).invalidate('name:U1');
    });
    await database.dataSource.query(`UPDATE users SET full_name = 'new' WHERE code = 'U1'`);

    gate.resolve();
    await work;

    expect(await names.name('U1')).toBe('new');
  });

  it('sees what it has written itself', async () => {
    await settled(names.name('U1'));

    expect(await names.renameAndTell('U1', 'new')).toBe('new');

    expect(await names.name('U1')).toBe('new');
  });

  it('keeps nothing of what it reads in a transaction that is rolled back', async () => {
    const tell = jest.fn();
    await expect(settled(names.renameAndUndo('U1', tell))).rejects.toThrow('rolled back');

    expect(tell).toHaveBeenCalledWith('never');
    expect(await names.nameIn(database.dataSource.manager, 'U1')).toBe('old');
  });

  it('keeps nothing of what it reads in a transaction that began before another has written', async () => {
    const rename = () => settled(names.rename('U2', 'new'));
    expect(await settled(names.compare('U1', 'U2', () => outsideUnits(rename)))).toBe('old');

    expect(await names.nameIn(database.dataSource.manager, 'U2')).toBe('new');
  });

  it('finds what is kept of others, while no transaction is open', async () => {
    await settled(names.name('U2'));
    const { hits = 0 } = app.get(CacheService).stats().prefixes.get('name') ?? {};

    await names.renameLike('U1', 'U2');

    expect(app.get(CacheService).stats().prefixes.get('name')?.hits).toBe(hits + 1);
  });

  it('keeps together what a cached method names that it calls while its transaction is open', async () => {
    const cache = app.get(CacheService);
    const made = jest.fn(() => 1);
    await settled(cache.getOrSet('made', { ttl: 600, tags: ['made:U1'] }, made));
    const { invalidationMs } = cache.stats();

    await names.renameAndForget('U1', () => {
      expect(cache.stats().invalidationMs.count).toBe(invalidationMs.count);
    });

    await cache.getOrSet('made', { ttl: 600, tags: ['made:U1'] }, made);
    expect(made).toHaveBeenCalledTimes(2);
  });

  it('is told of what a cached method that it calls has written', async () => {
    await settled(names.name('U1'));

    await expect(names.createAndFail('U1')).rejects.toThrow('failed after that');

    expect(await names.name('U1')).toBe('made');
  });

  it.each([
    ['SELECT 1', `SELECT 'a; b'`],
    ['the same with a body', 'SELECT $x$; update$x$'],
  ])('may ask outside a transaction, whatever stands in a text: %s', async (_, query) => {
    await expect(names.say(query)).resolves.toBeUndefined();
  });

  describe('a transaction that was begun by nobody who writes', () => {
    const renamed = async (manager: EntityManager, code: string) => {
      await manager.query(`UPDATE users SET full_name = 'never' WHERE code = $1`, [code]);
    };

    it('leaves nothing of what is read in it through the cache', async () => {
      const undone = app.get(DataSource).transaction(async (manager) => {
        await renamed(manager, 'U1');
        expect(await names.nameIn(manager, 'U1')).toBe('never');
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      await app.get(CacheService).settle();

      expect(await names.nameIn(database.dataSource.manager, 'U1')).toBe('old');
    });

    it('leaves nothing of what is read in it where statements begin and end it', async () => {
      const runner = app.get(DataSource).createQueryRunner();
      await runner.query('BEGIN');
      await renamed(runner.manager, 'U4');
      expect(await names.nameIn(runner.manager, 'U4')).toBe('never');
      await runner.query('ROLLBACK');
      await runner.release();
      await app.get(CacheService).settle();

      expect(await names.nameIn(database.dataSource.manager, 'U4')).toBe('old');
    });

    it('leaves nothing of what a method that writes reads in it before it does', async () => {
      const undone = app.get(DataSource).transaction(async (manager) => {
        await renamed(manager, 'U3');
        expect(await names.lookAndRenameIn(manager, 'U1', 'U3')).toBe('never');
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      await app.get(CacheService).settle();

      expect(await names.nameIn(database.dataSource.manager, 'U3')).toBe('old');
    });

    it('gives it to nobody who waits for the same', async () => {
      const mayEnd = deferred();
      const undone = app.get(DataSource).transaction(async (manager) => {
        await renamed(manager, 'U1');
        const read = names.nameIn(manager, 'U1');
        const other = names.nameIn(database.dataSource.manager, 'U1');
        expect(await Promise.all([read, other])).toEqual(['never', 'old']);
        mayEnd.resolve();
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      await app.get(CacheService).settle();
      await mayEnd.promise;
    });
  });

  describe('that began before it', () => {
    async function renameBoth(fails = false): Promise<void> {
      await app.get(DataSource).transaction(async (manager) => {
        await names.renameIn(manager, 'U1');
        await names.renameIn(manager, 'U2', fails).catch(() => undefined);
        // Others read what was before, and keep it.
        expect(await settled(names.name('U1'))).toBe('old');
        expect(await settled(names.name('U2'))).toBe('old');
      });
    }

    it.each([false, true])('invalidates once that has committed; it failed: %s', async (fails) => {
      await renameBoth(fails);

      expect([await names.name('U1'), await names.name('U2')]).toEqual(['new', 'new']);
      await app.get(CacheService).settle();
      expect(await rows()).toEqual([]);
    });

    it('leaves a row for each in that, for as long as Redis hangs', async () => {
      await app.get(DataSource).transaction(async (manager) => {
        await names.renameIn(manager, 'U1');
        await names.renameIn(manager, 'U2');
        redis.freeze();
      });

      expect((await rows()).map(({ tags }) => tags)).toEqual([['tag/name:U1'], ['tag/name:U2']]);
      redis.thaw();
      await pollUntil(async () => (await rows()).length === 0, 10_000);
      expect(await names.name('U1')).toBe('new');
    });

    it('leaves nothing when that is rolled back', async () => {
      const rolledBack = app.get(DataSource).transaction(async (manager) => {
        await names.renameIn(manager, 'U1');
        throw new Error('rolled back');
      });
      await expect(rolledBack).rejects.toThrow('rolled back');

      expect(await names.name('U1')).toBe('old');
      expect(await rows()).toEqual([]);
    });
  });

  it.each([
    `DO $$ BEGIN UPDATE users SET full_name = 'x' WHERE code = 'U1'; END $$`,
    `SET statement_timeout = '30s'; UPDATE users SET full_name = 'x' WHERE code = 'U1'`,
    `-- user's rename\nUPDATE users SET full_name = 'x' WHERE code = 'U1'`,
    `/* it's one */ UPDATE users SET full_name = 'x' WHERE code = 'U1'`,
  ])('is refused when it writes outside a transaction in other words: %s', async (query) => {
    await expect(names.say(query)).rejects.toMatchObject({ code: 'CACHE_WRITE_OUTSIDE_TRANSACTION' });
  });

  it('invalidates when it fails after it has called a function of the database, which may have written', async () => {
    await settled(names.name('U1'));
    await database.dataSource.query(
      `CREATE OR REPLACE FUNCTION rename_user(text) RETURNS void LANGUAGE sql
       AS $$ UPDATE users SET full_name = 'new' WHERE code = $1 $$`,
    );

    await expect(names.sayAndFail('SELECT rename_user($1)', 'U1')).rejects.toThrow('failed after that');

    expect(await names.name('U1')).toBe('new');
  });

  it('invalidates nothing when it fails after it has only asked, outside a transaction', async () => {
    const { invalidationMs } = app.get(CacheService).stats();

    const asked = names.sayAndFail('SELECT count(*) FROM users WHERE code = $1', 'U1');
    await expect(asked).rejects.toThrow('failed after that');

    expect(app.get(CacheService).stats().invalidationMs.count).toBe(invalidationMs.count);
  });

  it('is refused when it writes outside a transaction', async () => {
    await expect(names.renameUnprotected('U1')).rejects.toMatchObject({
      code: 'CACHE_WRITE_OUTSIDE_TRANSACTION',
      message: expect.stringContaining('Names.renameUnprotected'),
    });
  });

  describe('while Redis hangs', () => {
    beforeEach(async () => {
      await settled(names.name('U1'));
      redis.freeze();
    });

    afterEach(async () => {
      redis.thaw();
      await available();
    });

    it('leaves a row, which is paid before Redis is read again', async () => {
      await settled(names.rename('U1', 'new'));

      expect(await rows()).toMatchObject([{ tags: ['tag/name:U1'] }]);
      expect(await names.name('U1')).toBe('new');
      redis.thaw();
      await pollUntil(async () => (await rows()).length === 0, 5000);
      expect(await names.name('U1')).toBe('new');
    });

    it('renews its row while it is at work, and gives it up in the end', async () => {
      const gate = deferred();
      const row = async () => {
        const [found] = await database.dataSource.query<{ renewed_at: Date; isGivenUp: boolean }[]>(
          `SELECT renewed_at, renewed_at = '-infinity' AS "isGivenUp" FROM cache_outbox WHERE 'unlisted' = ANY (tags)
           OR renewed_at = '-infinity'`,
        );
        return found;
      };
      const renaming = names.renameSlowly('U1', 'new', gate.promise);
      await pollUntil(async () => (await row()) !== undefined, 5000);
      const committed = await row();

      await pollUntil(async () => Number((await row())?.renewed_at) > Number(committed?.renewed_at), 5000);
      gate.resolve();
      await settled(renaming);

      expect(await row()).toMatchObject({ isGivenUp: true });
    });

    it('leaves one row for nested transactions, narrowed to what is exactly known', async () => {
      await settled(names.renameInSteps('U1'));

      expect(await rows()).toMatchObject([{ tags: ['tag/name:U1'] }]);
    });

    it('leaves one row for each transaction of a method, and of methods it calls', async () => {
      await settled(names.renameTwice('U1'));

      expect(await rows()).toHaveLength(2);
    });

    it('does not mix up what fifty of them do at once', async () => {
      const codes = Array.from({ length: 50 }, (_, n) => `U${n}`);

      await settled(Promise.all(codes.map((code) => names.rename(code, 'new'))));

      const tags = (await rows()).map((row) => row.tags.join());
      expect(tags.sort()).toEqual(codes.map((code) => `tag/name:${code}`).sort());
    });
  });

  it('commits, for tags that only its result knows, the prefixes that they could hit', async () => {
    const gate = deferred();
    const renaming = names.renameSlowly('U1', 'new', gate.promise);
    await pollUntil(async () => (await rows()).length > 0, 5000);

    expect(await rows()).toMatchObject([
      { tags: ['tag/name:U1', 'prefix/name', 'prefix/made', 'prefix/default', 'unlisted'] },
    ]);
    gate.resolve();
    await renaming;
  });

  describe('that finds written already what it was to write', () => {
    const gates: (() => void)[] = [];
    let renaming: Promise<void>;

    /** Committed, and not invalidated before the gate opens. */
    async function renameUntil(gate: Promise<void>): Promise<void> {
      for (const code of ['U1', 'U2']) await settled(names.name(code));
      renaming = names.renameSlowly('U1', 'new', gate);
      await pollUntil(async () => (await rows()).length > 0, 5000);
    }

    afterEach(async () => {
      for (const open of gates.splice(0)) open();
      await renaming;
    });

    it('waits for whoever has written it, and invalidates nothing', async () => {
      const gate = deferred();
      await renameUntil(gate.promise);
      const looked = jest.spyOn(app.get(TypeormOutbox), 'committed');

      const ensuring = names.ensure('U1', 'new');
      await pollUntil(() => looked.mock.calls.length > 0, 5000);
      gate.resolve();
      await ensuring;

      expect(await names.name('U1')).toBe('new');
      await database.dataSource.query(`UPDATE users SET full_name = 'kept?' WHERE code = 'U2'`);
      expect(await names.name('U2')).toBe('old');
    });

    it('does not wait for those who find the same', async () => {
      renaming = settled(names.rename('U1', 'new'));
      await renaming;
      await settled(names.name('U2'));

      // Each has locked the row, so each has a row of the outbox, too.
      const ensure = () => names.lock('U1');
      await Promise.all(Array.from({ length: 8 }, ensure));

      await database.dataSource.query(`UPDATE users SET full_name = 'kept?' WHERE code = 'U2'`);
      expect(await names.name('U2')).toBe('old');
    });

    it('invalidates in their place where they take long', async () => {
      const gate = deferred();
      gates.push(gate.resolve);
      await renameUntil(gate.promise);

      expect(await names.ensure('U1', 'new')).toBe(false);

      expect(await names.name('U1')).toBe('new');
    });
  });

  it('covers what getOrSet keeps under tags', async () => {
    const cache = app.get(CacheService);
    const factory = jest.fn(() => 1);
    await settled(cache.getOrSet('kept', { ttl: 600, tags: ['name:U2'] }, factory));
    await database.dataSource.query(`INSERT INTO cache_outbox (tags) VALUES ('{prefix/name,unlisted}')`);

    await pollUntil(async () => (await rows()).length === 0, 5000);
    await settled(cache.getOrSet('kept', { ttl: 600, tags: ['name:U2'] }, factory));

    expect(factory).toHaveBeenCalledTimes(2);
  });

  it('has who depends on all of a prefix feel a part of it, also when another process finishes it', async () => {
    const cache = app.get(CacheService);
    const all = jest.fn(() => 1);
    const other = jest.fn(() => 1);
    const views = async () => {
      await settled(cache.getOrSet('all', { ttl: 600, tags: ['name:*'] }, all));
      await settled(cache.getOrSet('other', { ttl: 600, tags: ['name:U2:*'] }, other));
    };
    await views();
    await database.dataSource.query(`INSERT INTO cache_outbox (tags) VALUES ('{prefix/name/U1}')`);

    await pollUntil(async () => (await rows()).length === 0, 5000);
    await views();

    expect([all.mock.calls.length, other.mock.calls.length]).toEqual([2, 1]);
  });

  it('F26: is finished by any other process when its own does not', async () => {
    await settled(names.name('U1'));
    await database.dataSource.query(`UPDATE users SET full_name = 'new' WHERE code = 'U1'`);
    await database.dataSource.query(`INSERT INTO cache_outbox (tags) VALUES ('{tag/name:U1}')`);

    const since = performance.now();
    await pollUntil(async () => (await rows()).length === 0, 5000);

    figure('F26', 'until another process has done what was left, ms', performance.now() - since, {
      atMost: 5000,
    });
    expect(await names.name('U1')).toBe('new');
  });
});

describe.each(['before', 'after'])('without Redis, where the database is there %s the outbox', (when) => {
  let dataSource: DataSource;
  let app: INestApplication;
  let names: Names;

  beforeAll(async () => {
    await database.dataSource.query('TRUNCATE users CASCADE');
    await database.dataSource.query(
      `INSERT INTO users (code, role, full_name) SELECT 'U' || n, 'student', 'old' FROM generate_series(1, 3) n`,
    );
    dataSource = patientDataSource(database.url, 4);
    if (when === 'before') await dataSource.initialize();
    const outbox = new TypeormOutbox(dataSource);
    if (when === 'after') await dataSource.initialize();
    ({ app } = await startCachedApp({
      providers: [Names, { provide: DataSource, useValue: dataSource }],
      options: { outbox },
    }));
    names = app.get(Names);
  });

  afterAll(async () => {
    await app.close();
    await dataSource.destroy();
  });

  it('keeps nothing of what is read in a transaction that is rolled back', async () => {
    const writing = dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE users SET full_name = 'never' WHERE code = 'U1'`);
      expect(await names.nameIn(manager, 'U1')).toBe('never');
      throw new Error('rolled back');
    });
    await expect(settledIn(app, writing)).rejects.toThrow('rolled back');

    expect(await names.nameIn(dataSource.manager, 'U1')).toBe('old');
  });

  it('keeps nothing of what is read in a transaction that began before another has written', async () => {
    const rename = () => settledIn(app, names.rename('U3', 'new'));
    expect(
      await settledIn(
        app,
        names.compare('U2', 'U3', () => outsideUnits(rename)),
      ),
    ).toBe('old');

    expect(await names.nameIn(dataSource.manager, 'U3')).toBe('new');
    expect(await rows()).toEqual([]);
  });
});
