import type { ClientBase } from 'pg';

/**
 * Commits, with the data of the open transaction, that no answer kept anywhere holds any more: the processes that share a
 * Redis carry it out.
 */
export async function outdateAnswers(client: ClientBase): Promise<void> {
  // The tag that every entry depends on.
  await client.query(`INSERT INTO cache_outbox (tags) VALUES ('{epoch}')`);
}

/** What whoever fills a database should know about services that run on it. */
export const whenItShows =
  'A running service shows it within seconds; one without Redis may answer from its memory for an hour, or until a restart.';
