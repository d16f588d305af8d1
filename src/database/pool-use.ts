import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

/** Connections of the pool that serves requests. */
export interface PoolUse {
  /** In use, or being made for somebody. */
  readonly active: number;
  readonly idle: number;
  /** Who waits for one. */
  readonly waiting: number;
}

/** @returns what TypeORM does not tell of its pool, and how many connections it may have; all 0 while it is not open */
export function poolUse({ driver, isInitialized }: DataSource): PoolUse & { readonly max: number } {
  if (!isInitialized) return { active: 0, idle: 0, waiting: 0, max: 0 };
  const { master: pool } = driver as unknown as { master: Pool };
  return {
    active: pool.totalCount - pool.idleCount,
    idle: pool.idleCount,
    waiting: pool.waitingCount,
    max: pool.options.max,
  };
}
