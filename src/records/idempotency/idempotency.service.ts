import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Problem } from '../../http/problem.js';
import { inTransaction } from '../transaction.js';
import { isWritten, wrote } from '../write-effect.js';
import { canonicalJson } from './canonical-json.js';
import type { PostedRequest } from './idempotent.decorator.js';

interface StoredAnswer {
  request_hash: string;
  status_code: number;
  /** JSON text, so that a replay is the first answer to the byte. */
  response: string;
}

/**
 * Lets a client repeat a POST safely (draft-ietf-httpapi-idempotency-key-header-07).
 *
 * The key is claimed first, with an advisory lock of the very transaction that writes the data and stores the answer:
 * all three happen or none, a second request finds the claim without waiting for it, and a process that dies while
 * holding it leaves nothing behind.
 */
@Injectable()
export class IdempotencyService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Runs `work` in a transaction, or answers what it answered to the same request before. The status is 201 if
   * something was written, 200 if it was there already.
   *
   * @throws {Problem} `idempotency_in_flight`, `idempotency_key_reused`, or what `work` throws; nothing is kept then
   */
  run<T extends object>(request: PostedRequest, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return inTransaction(this.dataSource, async (manager) => {
      if (request.key === undefined) return this.#answer(request, await work(manager));

      await this.#claim(manager, request.scope, request.key);
      const stored = await this.#find(manager, request.scope, request.key);
      if (stored) return this.#replay(request, stored) as T;

      const answer = this.#answer(request, await work(manager));
      await this.#store(manager, request, request.key, answer);
      await this.#purgeSome(manager);
      return answer;
    });
  }

  /** Takes away the answers that would tell the name and the address of a person who is to be forgotten. */
  async forgetPerson(manager: EntityManager, code: string): Promise<void> {
    await manager.query(
      `WITH of_people AS MATERIALIZED (
         SELECT scope, key, (response #>> '{}')::jsonb AS answer FROM idempotency_keys
         WHERE scope LIKE '% POST %/users {}')
       DELETE FROM idempotency_keys USING of_people o
       WHERE idempotency_keys.scope = o.scope AND idempotency_keys.key = o.key AND o.answer ->> 'user_id' = $1`,
      [code],
    );
  }

  #answer<T extends object>(request: PostedRequest, answer: T): T {
    request.answered(statusOf(answer), false);
    return answer;
  }

  #replay(request: PostedRequest, stored: StoredAnswer): object {
    if (stored.request_hash !== hashOf(request)) {
      throw new Problem('idempotency_key_reused', 'The Idempotency-Key came with another body before.');
    }
    request.answered(stored.status_code, true);
    const answer = JSON.parse(stored.response) as object;
    // The first one may have failed after its commit, and what it should have invalidated be shown still: all that a new
    // row can have changed, for what it did change is not known any more.
    return stored.status_code === 201 ? wrote(answer, { changed: ['firstTraceAt'] }) : answer;
  }

  async #claim(manager: EntityManager, scope: string, key: string): Promise<void> {
    const [row] = await manager.query<{ claimed: boolean }[]>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0)) AS claimed`,
      [scope, key],
    );
    if (!row?.claimed) {
      throw new Problem('idempotency_in_flight', 'The first request with this key has not finished yet.', {
        headers: { 'Retry-After': '1' },
      });
    }
  }

  async #find(manager: EntityManager, scope: string, key: string): Promise<StoredAnswer | undefined> {
    const [row] = await manager.query<StoredAnswer[]>(
      `SELECT request_hash, status_code, response #>> '{}' AS response FROM idempotency_keys
       WHERE scope = $1 AND key = $2 AND expires_at > now()`,
      [scope, key],
    );
    return row;
  }

  async #store(manager: EntityManager, request: PostedRequest, key: string, answer: object) {
    await manager.query(
      `INSERT INTO idempotency_keys (scope, key, request_hash, status_code, response, expires_at)
       VALUES ($1, $2, $3, $4, to_jsonb($5::text), now() + interval '24 hours')
       ON CONFLICT (scope, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = now(),
         status_code = excluded.status_code, response = excluded.response, expires_at = excluded.expires_at`,
      [request.scope, key, hashOf(request), statusOf(answer), JSON.stringify(answer)],
    );
  }

  /** Each new key takes up to ten expired ones with it, so that the table needs no caretaker. */
  async #purgeSome(manager: EntityManager): Promise<void> {
    await manager.query(
      `DELETE FROM idempotency_keys WHERE (scope, key) IN (
         SELECT scope, key FROM idempotency_keys WHERE expires_at <= now()
         ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)`,
    );
  }
}

function hashOf({ body }: PostedRequest): string {
  return createHash('sha256').update(canonicalJson(body)).digest('hex');
}

function statusOf(answer: object): number {
  return isWritten(answer) ? 201 : 200;
}
