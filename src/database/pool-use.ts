import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

/** Connections of the pool that serves requests. */
export interface PoolUse {
  /** In use, or being made for a caller. */
  readonly active: number;
  readonly idle: number;
  /** How many callers wait for one. */
  readonly waiting: number;
}

/** How the pool is used, which TypeORM does not tell, and how many connections it may have; all 0 while it is not open. */
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
