/** When a sampled hit is looked at again, ms after it. What is still wrong at a later look was not just invalidated late. */
export const AUDIT_AFTER_MS = [100, 1000, 10_000] as const;
/** One of {@link AUDIT_AFTER_MS}. */
export type AuditAfterMs = (typeof AUDIT_AFTER_MS)[number];

/**
 * Why a look came to no verdict. `busy`: there was too much to do. `failed`: the method failed, or gave nothing to compare.
 * `unsteady`: it gave something else each time. `store-away`: the store could not be asked.
 */
export const auditSkips = ['busy', 'failed', 'unsteady', 'store-away'] as const;
/** One of {@link auditSkips}. */
export type AuditSkip = (typeof auditSkips)[number];
