import { type Client, DatabaseError } from 'pg';

/** There is a pooler where the database should be: limits of statements, and locks, would not work as asked for. */
export class PoolerError extends Error {
  override readonly name = 'PoolerError';

  constructor() {
    super(
      'DATABASE_URL leads to a pooler, such as PgBouncer, which refuses limits of time or drops them: name the database itself.',
    );
  }
}

/**
 * Connects, and checks that the settings of the connection hold: a pooler refuses or drops them.
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

/** Whether the error is a pooler's. PostgreSQL knows the parameter, and has another message for unknown ones. */
function isOfPooler(error: unknown): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === '08P01' &&
    /unsupported startup parameter/i.test(error.message)
  );
}
