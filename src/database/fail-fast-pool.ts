import { setTimeout as wait } from 'node:timers/promises';
import { Client, DatabaseError, Pool, type PoolClient, type PoolConfig } from 'pg';

/** No connection can be had: the database does not answer, or all were in use for longer than one may wait. */
export class DatabaseUnavailable extends Error {
  constructor(readonly code: keyof typeof unavailable) {
    super(unavailable[code]);
  }
}

const unavailable = {
  timeout: 'the database does not answer',
  ALL_IN_USE: 'all connections are in use',
} as const;

/** SQLSTATE of a server that takes on no further connection. */
const TOO_MANY_CONNECTIONS = '53300';

/** Whether a statement failed for want of a connection, before it was sent. */
export function foundNoConnection(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailable ||
    (error instanceof DatabaseError && error.code === TOO_MANY_CONNECTIONS)
  );
}

interface FailFastPoolConfig extends PoolConfig {
  /** Longest wait for a connection while all are in use, ms. Default: `connectionTimeoutMillis`. */
  readonly queueTimeoutMillis?: number;
}

type Done = (error: Error | undefined, client: PoolClient | undefined, release: () => void) => void;

/**
 * How long a probe waits: the first is to find out soon; later ones, when the database is known to be away, may also get a slow
 * answer. Not longer, since one probe at a time is under way, and one on a broken line holds up the next.
 */
const FIRST_PROBE_MS = 1000;
const LATER_PROBE_MS = 2500;
const PROBE_EVERY_MS = 1000;
const nothingToRelease = () => undefined;

/**
 * The pool of `pg` for a database that may be away. After one caller's timeout the database is asked on a connection of its
 * own, and until it answers there all others are refused at once, not after a timeout each.
 */
export class FailFastPool extends Pool {
  readonly #config: FailFastPoolConfig;
  #hasConnected = false;
  #isAsking = false;
  #isAway = false;

  constructor(config: FailFastPoolConfig) {
    super({ ...config, Client: DisposableClient });
    this.#config = config;
    this.on('connect', (client) => {
      this.#hasConnected = true;
      client.once(SILENT, () => void this.#askUntilHeard());
    });
    // A transaction is still open in it: the next user would work in that.
    this.on('release', (_, client) => {
      if (/[TE]/.test(client.getTransactionStatus() ?? '')) void client.end();
    });
  }

  override connect(): Promise<PoolClient>;
  override connect(done: Done): void;
  override connect(done?: Done): Promise<PoolClient> | undefined {
    if (done) {
      this.#connect(done);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#connect((error, client) => {
        if (client) resolve(client);
        else reject(error ?? new DatabaseUnavailable('timeout'));
      });
    });
  }

  #connect(done: Done): void {
    if (this.#isAway) {
      process.nextTick(done, new DatabaseUnavailable('timeout'), undefined, nothingToRelease);
      return;
    }
    const { queueTimeoutMillis, max = 10 } = this.#config;
    let isLate = false;
    const queued =
      queueTimeoutMillis !== undefined && this.totalCount >= max
        ? setTimeout(() => {
            isLate = true;
            done(new DatabaseUnavailable('ALL_IN_USE'), undefined, nothingToRelease);
          }, queueTimeoutMillis)
        : undefined;
    super.connect((error, client, release) => {
      if (error && isTimeout(error)) void this.#askUntilHeard();
      if (isLate) {
        if (client) release();
        return;
      }
      clearTimeout(queued);
      done(error, client, release);
    });
  }

  /** Does nothing if the pool never had a connection: its owner knows that the database is away. */
  async #askUntilHeard(): Promise<void> {
    if (this.#isAsking || !this.#hasConnected) return;
    this.#isAsking = true;
    this.#isAway = !(await isHeard(this.#config, FIRST_PROBE_MS));
    // As long as callers wait: a server that is slower is of no use to them.
    const laterMs = Math.max(LATER_PROBE_MS, this.#config.connectionTimeoutMillis ?? 0);
    while (this.#isAway && !this.ending) {
      const pause = wait(PROBE_EVERY_MS, undefined, { ref: false });
      this.#isAway = !(await isHeard(this.#config, laterMs));
      if (this.#isAway) await pause;
    }
    this.#isAway = false;
    this.#isAsking = false;
  }
}

const SILENT = 'silent';
/** A message of `pg`, which gives the error no code. */
const READ_TIMEOUT = 'Query read timeout';
/** SQLSTATE of a server that only allows reading, such as a former primary. */
const READ_ONLY = '25006';

/**
 * A connection that ends itself when it is of no use any more. Otherwise it would go back to the pool while it is busy with a
 * statement that was given up, or in a transaction that the next user would commit, or at a server that only allows reading.
 */
class DisposableClient extends Client {
  constructor(config?: PoolConfig) {
    super(config);
    // It may break while it belongs to nobody, and an error without a listener ends the process.
    this.on('error', () => undefined);
  }

  override query(...parameters: [never]): never {
    const running: unknown = super.query(...parameters);
    if (running instanceof Promise) {
      running.catch((error: unknown) => {
        const { message, code } = error as { message?: unknown; code?: unknown };
        if (message === READ_TIMEOUT) this.emit(SILENT);
        else if (code !== READ_ONLY) return;
        void this.end();
      });
    }
    return running as never;
  }
}

/** Whether the server answers, if only by refusing: then callers are refused at once anyway. */
async function isHeard(config: PoolConfig, deadlineMs: number): Promise<boolean> {
  const client = new Client({
    ...config,
    connectionTimeoutMillis: deadlineMs,
    query_timeout: deadlineMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    return !isTimeout(error);
  } finally {
    void client.end().catch(() => undefined);
  }
}

/** `pg` and its pool have several messages for it, and no code. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && !(error instanceof DatabaseError) && /time(d ?)?out/i.test(error.message);
}
