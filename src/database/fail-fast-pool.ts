import { setTimeout as wait } from 'node:timers/promises';
import { Client, DatabaseError, Pool, type PoolClient, type PoolConfig } from 'pg';

/** There is no connection to be had: the database does not answer, or all are in use for longer than one may wait. */
export class DatabaseUnavailable extends Error {
  constructor(readonly code: keyof typeof unavailable) {
    super(unavailable[code]);
  }
}

const unavailable = {
  timeout: 'the database does not answer',
  ALL_IN_USE: 'all connections are in use',
} as const;

interface FailFastPoolConfig extends PoolConfig {
  /** Longest wait for a connection while all are in use, ms. Default: `connectionTimeoutMillis`. */
  readonly queueTimeoutMillis?: number;
}

type Done = (error: Error | undefined, client: PoolClient | undefined, release: () => void) => void;

/**
 * First to find out; once it is known to be away, a slow answer is an answer too. But one that waits on a broken line keeps
 * the next from being asked: there is one at a time, for a server that hangs needs no crowd before its door.
 */
const FIRST_PROBE_MS = 1000;
const LATER_PROBE_MS = 2500;
const PROBE_EVERY_MS = 1000;
const nothingToRelease = () => undefined;

/**
 * The pool of `pg` for a database that may be away: when one caller has met silence, the database is asked on a
 * connection of its own, and until it answers there everybody else is refused at once instead of after a timeout.
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
    // Whoever gets it next would work in the transaction of another.
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

  /** Of a pool that never had a connection its owner knows already. */
  async #askUntilHeard(): Promise<void> {
    if (this.#isAsking || !this.#hasConnected) return;
    this.#isAsking = true;
    this.#isAway = !(await isHeard(this.#config, FIRST_PROBE_MS));
    // Callers may wait for so long, and one that is slower still would be of no use to them.
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
/** Of `pg`, which gives it no code. */
const READ_TIMEOUT = 'Query read timeout';
/** SQLSTATE of a server that may only be read, such as a former primary. */
const READ_ONLY = '25006';

/**
 * A connection that ends when it is of no use any more. Left alone it would go back to the pool: still busy with the
 * statement that was given up, in a transaction that the next user would commit with their own; or to the wrong server.
 */
class DisposableClient extends Client {
  constructor(config?: PoolConfig) {
    super(config);
    // One that breaks just as it changes hands belongs to nobody, and an error that nobody hears ends the process.
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

/** A server that refuses is heard: whoever asks it is refused at once anyway. */
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

/** `pg` and its pool have several words for it, and no code. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && !(error instanceof DatabaseError) && /time(d ?)?out/i.test(error.message);
}
