import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from 'pg';

const patienceMs = 1000;

/**
 * Closes a connection to the database. A server that has fallen silent never closes its end, and is left after a second.
 * Never throws.
 */
export async function endClient(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, wait(patienceMs, undefined, { ref: false })]);
  client.connection.stream.destroy();
}
