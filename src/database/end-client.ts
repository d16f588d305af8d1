import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from 'pg';

const patienceMs = 1000;

/**
 * Closes a connection to the database. A silent server never closes its end: it is not waited for longer than a second.
 * Never throws.
 */
export async function endClient(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, wait(patienceMs, undefined, { ref: false })]);
  client.connection.stream.destroy();
}
