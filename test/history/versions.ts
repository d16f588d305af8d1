import { setTimeout as wait } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { heldRead } from './held-moments.js';
import type { Versioned } from './routes.js';

/** An answer of the database is on its way for so long that a write may overtake it, one of sixteen that several may. */
const [ANSWER_MS, SLOW_ANSWER_MS] = [15, 80];

/** Numbered versions in PostgreSQL: the source that the routes are read from. */
export class Versions {
  readonly #dataSource: DataSource;
  readonly #isHeld: boolean;
  #answers = 0;

  /** @param isHeld  reads tell the parent, and wait for it */
  constructor(dataSource: DataSource, isHeld: boolean) {
    this.#dataSource = dataSource;
    this.#isHeld = isHeld;
  }

  async read(key: string): Promise<Versioned> {
    const [row] = await this.#rows(key);
    return row!;
  }

  /** Both as they were at one moment. */
  async readPair(key: string, other: string): Promise<readonly [Versioned, Versioned]> {
    const rows = await this.#rows(key, other);
    const of = (text: string) => rows.find((row) => row.key === Number(text))!;
    return [of(key), of(other)];
  }

  async write(key: string): Promise<Versioned> {
    return this.#dataSource.transaction(async (manager) => {
      const [rows] = await manager.query<[Versioned[]]>(
        'UPDATE versions SET version = version + 1 WHERE key = $1 RETURNING key, version',
        [key],
      );
      return rows[0]!;
    });
  }

  async #rows(...keys: readonly string[]): Promise<Versioned[]> {
    const rows = await this.#dataSource.query<Versioned[]>(
      'SELECT key, version FROM versions WHERE key = ANY($1)',
      [keys],
    );
    if (this.#isHeld) await heldRead();
    await wait(++this.#answers % 16 === 0 ? SLOW_ANSWER_MS : ANSWER_MS);
    return rows;
  }
}
