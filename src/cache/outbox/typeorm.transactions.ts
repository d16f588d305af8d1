import type {
  AfterQueryEvent,
  BeforeQueryEvent,
  DataSource,
  EntitySubscriberInterface,
  QueryRunner,
} from 'typeorm';
import { CacheError } from '../engine/cache-errors.js';
import { CurrentRun } from '../engine/current-run.js';
import type { Outbox } from './outbox.js';
import { begins, chains, commits, mayWrite, rollsBack, withoutTexts, writes } from './sql-statements.js';
import { lateUnitWatchedBy, unitWatchedBy, type UnitOfWork } from './unit-of-work.js';

/** PostgreSQL's code for a transaction in which a statement has failed, so that it can only be rolled back. */
const TRANSACTION_ABORTED = '25P02';

/** An open transaction of one connection. */
interface OpenTransaction {
  /** The units of work that used it, some perhaps begun after it → the row that it will commit for each. */
  readonly rows: Map<UnitOfWork, string | undefined>;
  /** The run of a cached method that began it: what that run reads in it is its own. */
  readonly run: CurrentRun | undefined;
}

type WatchingOutbox = Outbox & { readonly namespace: string };

/**
 * Gives units of work the rows of the transactions that use them, from now on and for as long as there is the data source.
 *
 * @param onUnprotectedWrite  receives the method that wrote outside of one. Default: see {@link refuseOrWarn}
 */
export function watchTransactions(
  dataSource: DataSource,
  outbox: WatchingOutbox,
  onUnprotectedWrite = refuseOrWarn(),
): void {
  subscribe(dataSource, new TransactionSubscriber(outbox, onUnprotectedWrite));
}

/** Recognises transactions by the statements that begin and end them, whichever code sends those. */
class TransactionSubscriber implements EntitySubscriberInterface {
  readonly #open = new WeakMap<QueryRunner, OpenTransaction>();

  constructor(
    private readonly outbox: WatchingOutbox,
    private readonly onUnprotectedWrite: (method: string) => void,
  ) {}

  beforeQuery({ query, queryRunner }: BeforeQueryEvent): Promise<void> | undefined {
    const open = this.#open.get(queryRunner);
    if (open) {
      CurrentRun.around?.spoil('in-transaction', open.run);
      this.#adopt(open);
      return commits(query) ? this.#writeRows(queryRunner, open) : undefined;
    }
    const unit = unitWatchedBy(this.outbox);
    if (unit) {
      const text = withoutTexts(query);
      if (writes(text)) this.onUnprotectedWrite(unit.method);
      if (writes(text) || mayWrite(text)) unit.presumeWritten();
    }
    return undefined;
  }

  afterQuery({ query, queryRunner, success }: AfterQueryEvent): Promise<void> | undefined {
    if (success && begins(query)) this.#begin(queryRunner);
    const isCommit = commits(query);
    if (!isCommit && !rollsBack(query)) return undefined;
    const open = this.#end(queryRunner);
    if (success && chains(query)) this.#begin(queryRunner);
    return open && isCommit && success ? committed(open) : undefined;
  }

  #begin(queryRunner: QueryRunner): void {
    // If one is open already, this statement changes nothing.
    const open = this.#open.get(queryRunner) ?? { rows: new Map(), run: CurrentRun.around };
    this.#open.set(queryRunner, open);
    this.#adopt(open);
  }

  #adopt({ rows }: OpenTransaction): void {
    for (const unit of [unitWatchedBy(this.outbox), lateUnitWatchedBy(this.outbox)]) {
      if (!unit || rows.has(unit)) continue;
      rows.set(unit, undefined);
      unit.beginTransaction();
    }
  }

  async #writeRows(queryRunner: QueryRunner, open: OpenTransaction): Promise<void> {
    // Asked first, since in a read-only transaction an insert would fail.
    if (open.rows.size === 0 || !(await hasWritten(queryRunner))) return;
    for (const unit of open.rows.keys()) {
      const tags = unit.intent.map((tag) => tag.replaceAll('\0', ''));
      const insert = 'INSERT INTO cache_outbox (tags, namespace) VALUES ($1, $2) RETURNING id';
      const [row] = (await queryRunner.query(insert, [tags, this.outbox.namespace])) as { id: string }[];
      open.rows.set(unit, row?.id);
      if (row) unit.committing(row.id);
    }
  }

  #end(queryRunner: QueryRunner): OpenTransaction | undefined {
    const open = this.#open.get(queryRunner);
    this.#open.delete(queryRunner);
    for (const unit of open?.rows.keys() ?? []) unit.endTransaction();
    return open;
  }
}

/** Whether there is something to commit. Not if a statement has failed: then `COMMIT` rolls back. */
async function hasWritten(queryRunner: QueryRunner): Promise<boolean> {
  const question = 'SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS "hasWritten"';
  try {
    const [answer] = (await queryRunner.query(question)) as { hasWritten: boolean }[];
    return answer?.hasWritten ?? false;
  } catch (error) {
    if ((error as { code?: unknown }).code === TRANSACTION_ABORTED) return false;
    throw error;
  }
}

async function committed({ rows }: OpenTransaction): Promise<void> {
  await Promise.all([...rows].flatMap(([unit, row]) => (row === undefined ? [] : [unit.committed(row)])));
}

/**
 * Adds a subscriber for good. A data source replaces its list of subscribers when it is initialised: that may be long after
 * this, and transactions may follow at once. So the property itself is replaced by one that adds it to every new list.
 */
function subscribe(dataSource: DataSource, subscriber: EntitySubscriberInterface): void {
  const before = Object.getOwnPropertyDescriptor(dataSource, 'subscribers');
  let current: EntitySubscriberInterface[];
  const put = (subscribers: EntitySubscriberInterface[]) => {
    // Another outbox may have replaced the property, too.
    before?.set?.(subscribers);
    if (!subscribers.includes(subscriber)) subscribers.push(subscriber);
    current = subscribers;
  };
  put(dataSource.subscribers);
  Object.defineProperty(dataSource, 'subscribers', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: put,
  });
}

/** In tests a write that fails is mended soon; in production it is needed, so there is only a warning. */
function refuseOrWarn(): (method: string) => void {
  const warned = new Set<string>();
  return (method) => {
    const code = 'CACHE_WRITE_OUTSIDE_TRANSACTION';
    const message =
      `${method} writes outside a transaction, so its invalidation would not survive a crash. ` +
      'Write in one: dataSource.transaction(...).';
    if (process.env.NODE_ENV === 'test') throw new CacheError(code, message);
    if (warned.has(method)) return;
    warned.add(method);
    process.emitWarning(message, { code });
  };
}
