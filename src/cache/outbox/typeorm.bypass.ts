import type { DataSource } from 'typeorm';
import { resultWithin, systemClock } from '../engine/clock.js';

/** In real time, by which rows are taken for abandoned after 300 ms. */
const QUEUE_PATIENCE_MS = 100;
/** For its turn at the pool; as long as rows are renewed for. A connection that is never given back may keep it for ever. */
const TURN_PATIENCE_MS = 30_000;
/** What each step takes on a connection that is of any use. */
const STEP_PATIENCE_MS = 1000;

/** As `pg` has it; TypeORM does not tell. */
interface Pool {
  readonly waitingCount: number;
  readonly options: object;
  readonly Client?: new (options: object) => Client;
}

interface Client {
  /** Not where TypeORM has found `pg-native`. */
  readonly connection?: { readonly stream: { destroy(): void } };
  on(event: 'error', listen: () => void): unknown;
  connect(): Promise<unknown>;
  query(sql: string, parameters: unknown[]): Promise<{ readonly rows: unknown[] }>;
  end(): Promise<void>;
}

interface Waiting {
  readonly sql: string;
  readonly parameters: unknown[];
  readonly resolve: (rows: unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Carries out what others wait for even where all connections of the pool are in use: over one more connection, opened for that
 * and closed after it, one at a time. The same statement stays in the pool's queue, and so may be carried out twice.
 */
export class PoolBypass {
  readonly #dataSource: DataSource;
  readonly #waiting: Waiting[] = [];
  #isOpen = false;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  /**
   * @param sql  does no harm if it is carried out twice, and late
   * @returns its rows; of no use for a statement that gives none, of which TypeORM makes something else
   * @throws what the database says; after 30 s that it does not answer
   */
  async run<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    const queued = this.#dataSource.query<Row[]>(sql, parameters);
    const over = queued.then(
      () => true,
      () => true,
    );
    const isLate = !(await resultWithin(systemClock, QUEUE_PATIENCE_MS, over));
    const turn = inTime(queued, TURN_PATIENCE_MS);
    const { master: pool } = this.#dataSource.driver as { master?: Pool };
    const Client = pool && pool.waitingCount > 0 ? pool.Client : undefined;
    if (isLate && pool && Client) {
      const around = this.#goAround(sql, parameters, () => new Client(pool.options)) as Promise<Row[]>;
      return Promise.any([turn, around]).catch(() => turn);
    }
    return turn;
  }

  #goAround(sql: string, parameters: unknown[], makeClient: () => Client): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sql, parameters, resolve, reject });
      if (!this.#isOpen) void this.#serve(makeClient());
    });
  }

  async #serve(client: Client): Promise<void> {
    this.#isOpen = true;
    client.on('error', () => undefined);
    try {
      await inTime(client.connect());
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        const { rows } = await inTime(client.query(next.sql, next.parameters));
        this.#waiting.shift();
        next.resolve(rows);
      }
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    } finally {
      // Not after the end below: whoever comes meanwhile needs another connection.
      this.#isOpen = false;
      await inTime(client.end()).catch(() => undefined);
      client.connection?.stream.destroy();
    }
  }
}

async function inTime<T>(step: Promise<T>, ms = STEP_PATIENCE_MS): Promise<T> {
  const done = await resultWithin(
    systemClock,
    ms,
    step.then((result) => ({ result })),
  );
  if (!done) throw new Error('the database does not answer');
  return done.result;
}
