import { setTimeout as wait } from 'node:timers/promises';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Client, DatabaseError } from 'pg';
import { DataSource } from 'typeorm';
import { DatabaseConnection } from './database-connection.js';
import { databaseReason } from './database-reason.js';
import { endClient } from './end-client.js';

const deadlineMs = 500;

/**
 * Asks the database whether it is there, on a connection kept for that: a pool that is merely busy must not look like a
 * database that is away. If the server has no connection left, the pool is asked, which may have its own.
 */
@Injectable()
export class DatabasePing implements OnApplicationShutdown {
  #client: Promise<Client> | undefined;
  #asking: Promise<boolean> | undefined;
  #failure: string | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly connection: DatabaseConnection,
  ) {}

  /**
   * Callers at the same time share one question.
   *
   * @returns whether an answer came within 500 ms; a new connection, and the pool after a refused one, have as long each.
   *   Never throws
   */
  isAnswering(): Promise<boolean> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Why there was no answer last time, as a code; `undefined` after an answer. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#client) await discard(this.#client);
    this.#client = undefined;
  }

  async #ask(): Promise<boolean> {
    if (!this.connection.isReady) return false;
    const pending = (this.#client ??= this.#connect());
    try {
      await (await pending).query('SELECT 1');
      this.#failure = undefined;
      return true;
    } catch (error) {
      if (this.#client === pending) this.#client = undefined;
      void discard(pending);
      const isThere = isRefusal(error) && (await this.#isPoolAnswered());
      this.#failure = isThere ? undefined : databaseReason(error);
      return isThere;
    }
  }

  async #isPoolAnswered(): Promise<boolean> {
    const deadline = new AbortController();
    const answer = this.dataSource.query('SELECT 1').then(
      () => true,
      () => false,
    );
    const late = wait(deadlineMs, false, { ref: false, signal: deadline.signal }).catch(() => false);
    const isAnswered = await Promise.race([answer, late]);
    deadline.abort();
    return isAnswered;
  }

  async #connect(): Promise<Client> {
    const { options } = this.dataSource;
    const client = new Client({
      connectionString: 'url' in options ? options.url : undefined,
      connectionTimeoutMillis: deadlineMs,
      query_timeout: deadlineMs,
      application_name: 'ai-native-backend ping',
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}

/** Whether a server that is there has refused, as by 53300, too many connections; not one that starts or stops, 57P01 to 57P05. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && !error.code?.startsWith('57P');
}

async function discard(pending: Promise<Client>): Promise<void> {
  await pending.then(endClient).catch(() => undefined);
}
