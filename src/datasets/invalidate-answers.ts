import type { ClientBase } from 'pg';
import { TypeormOutbox } from '../cache/outbox/typeorm.outbox.js';

/**
 * Commits, with the data of the open transaction, that no answer kept anywhere holds any more: the processes that share a
 * Redis carry it out.
 */
export async function invalidateAnswers(client: ClientBase): Promise<void> {
  await client.query(TypeormOutbox.invalidateEverything);
}
