/** What students do that counts as their activity, and as a trace of their course. Events with another verb are stored alone. */
export const activityVerbs: ReadonlySet<string> = new Set([
  'viewed',
  'opened',
  'attempted',
  'submitted',
  'passed',
  'failed',
  'asked',
  'received_hint',
  'completed',
  'logged_in',
  'logged_out',
]);

/** The same as a list of SQL. The triggers of the schema hold it, too: a verb more takes a migration. */
export const activityVerbsSql = `(${[...activityVerbs].map((verb) => `'${verb}'`).join(', ')})`;
