import { type Client, DatabaseError } from 'pg';

/** There is a pooler where the database should be: no statement would end, or a lock be given back, as is asked for. */
export class PoolerError extends Error {
  override readonly name = 'PoolerError';

  constructor() {
    super(
      'DATABASE_URL leads to a pooler, such as PgBouncer, which refuses limits of time or drops them: name the database itself.',
    );
  }
}

/**
 * Connects, and sees that what was asked for with the connection holds: a pooler refuses that, or drops it.
 *
 * @param client   made with this `lock_timeout`
 * @param lockMs   above 0
 * @throws {PoolerError}
 */
export async function connectPastPoolers(client: Client, lockMs: number): Promise<void> {
  try {
    await client.connect();
  } catch (error) {
    throw isOfPooler(error) ? new PoolerError() : error;
  }
  const { rows } = await client.query<{ setting: string }>(
    `SELECT setting FROM pg_settings WHERE name = 'lock_timeout'`,
  );
  if (rows[0]?.setting !== String(lockMs)) throw new PoolerError();
}

/** PostgreSQL has the parameter, and says other words of one that it has not. */
function isOfPooler(error: unknown): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === '08P01' &&
    /unsupported startup parameter/i.test(error.message)
  );
}
