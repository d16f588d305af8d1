import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import { poolUse } from '../../database/pool-use.js';

/** Runs a statement and returns its rows. */
export type Query = <Row>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>;

// The guesses that switch on JIT compilation cost more than it brings, and so do parallel workers beside a second
// connection. A course of 5,000 needs more memory for hashing than the default. What is asked for often lies in memory,
// where an index costs little.
// The isolation level is among them, for TypeORM would send a statement of its own for it. In the server's own time zone, JSON
// would hold old moments with offsets to the second, which no `Date` reads.
const settings = `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
  SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '32MB'; SET LOCAL random_page_cost = 1.1;
  SET LOCAL timezone = 'UTC'`;

/** Runs `work` on one connection; all its statements see the database at the same moment. */
export function inSnapshot<T>(dataSource: DataSource, work: (query: Query) => Promise<T>): Promise<T> {
  return dataSource.transaction(async (manager) => {
    await manager.query(settings);
    return work((sql, parameters) => manager.query(sql, [...parameters]));
  });
}

/**
 * The same with a second connection beside the first, which sees the same moment: `aside` runs while `query` does. If
 * most of the pool is taken, or no second one can be had, both share one connection and take turns, so that requests never
 * wait for each other.
 */
export function inSharedSnapshot<T>(
  dataSource: DataSource,
  work: (query: Query, aside: Query) => Promise<T>,
): Promise<T> {
  return inSnapshot(dataSource, async (query) => {
    const first = new Turns(query);
    if (!isHalfFree(dataSource)) return work(first.query, first.query);
    // Joins while the first is at work already: who met a database that hangs on both would wait twice.
    const joining = joinSnapshot(dataSource, first.query);
    joining.catch(() => undefined);
    const aside = new Turns(async <Row>(sql: string, parameters: readonly unknown[]) => {
      const second = await joining;
      if (!second) return first.query<Row>(sql, parameters);
      return second.query(sql, [...parameters]) as Promise<Row[]>;
    });
    const leave = () => joining.then(end, () => undefined);
    try {
      const result = await work(first.query, aside.query);
      await leave();
      return result;
    } catch (error) {
      void aside
        .settle()
        .then(leave)
        .catch(() => undefined);
      await first.settle();
      throw error;
    }
  });
}

async function end(second: QueryRunner | undefined): Promise<void> {
  if (!second || second.isReleased) return;
  try {
    await second.rollbackTransaction();
  } finally {
    await second.release();
  }
}

function isHalfFree(dataSource: DataSource): boolean {
  const { active, waiting, max } = poolUse(dataSource);
  return waiting === 0 && active <= max / 2;
}

async function joinSnapshot(dataSource: DataSource, query: Query): Promise<QueryRunner | undefined> {
  const [snapshot] = await query<{ id: string }>('SELECT pg_export_snapshot() AS id', []);
  const runner = dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    await runner.query(`${settings}; SET TRANSACTION SNAPSHOT '${snapshot?.id ?? ''}'`);
    return runner;
  } catch {
    // Given back as it is, it would fail whoever gets it next.
    void end(runner).catch(() => undefined);
    // One connection is enough; whether the first has broken as well its next statement tells.
    return undefined;
  }
}

/** A connection takes one statement at a time. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();
  readonly #query: Query;

  constructor(query: Query) {
    this.#query = query;
  }

  readonly query: Query = <Row>(sql: string, parameters: readonly unknown[]) => {
    const next = this.#last.then(() => this.#query<Row>(sql, parameters));
    this.#last = next.catch(() => undefined);
    return next;
  };

  /** Resolves when the connection has nothing to do any more. */
  async settle(): Promise<void> {
    let last;
    do await (last = this.#last);
    while (last !== this.#last);
  }
}

/**
 * The same as `inSnapshot` for statements that touch little: planning them takes longer than running them, so that each
 * connection prepares them once, and one plan serves all parameters.
 */
export function inPreparedSnapshot<T>(
  dataSource: DataSource,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  return dataSource.transaction(async (manager) => {
    await manager.query(`${settings}; SET LOCAL plan_cache_mode = force_generic_plan`);
    const client = (await manager.queryRunner?.connect()) as ClientBase;
    return work(async <Row>(text: string, parameters: readonly unknown[]) => {
      const { rows } = await client.query({ name: nameOf(text), text, values: [...parameters] });
      return rows as Row[];
    });
  });
}

const names = new Map<string, string>();

/** The texts are constants of this program, so that there are only as many names. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
  }
  return name;
}
