/**
 * When enrollment `e` of course `c` ended. One that was completed or failed without a date ended with its course; one
 * that was dropped without a date counts as never active.
 */
export const endedAtSql = `
  CASE WHEN e.status = 'active' THEN 'infinity'
       ELSE coalesce(e.ended_at, CASE WHEN e.status <> 'dropped' THEN c.ends_at ELSE '-infinity' END) END`;

/** Whether enrollment `e` of course `c` is active at a moment. */
export const isActiveSql = (asOf: string): string => `(${endedAtSql} > ${asOf})`;
