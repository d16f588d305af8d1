import type { ClientBase } from 'pg';

/**
 * Tells the planner what is in our tables now. `ANALYZE` without names would look through the catalogs, too, which takes
 * longer than all the rest where there are few rows.
 */
export async function analyzeTables(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ names: string }>(
    `SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables WHERE schemaname = current_schema()`,
  );
  await client.query(`ANALYZE ${rows[0]?.names ?? ''}`);
}
