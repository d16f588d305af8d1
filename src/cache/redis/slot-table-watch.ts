import { BreakablePause } from './breakable-pause.js';
import { failureReason, isRefusal } from './failure-reason.js';
import { fromHostAndPort, type HostAndPort, type RedisLogin } from './redis-address.js';
import type { RedisConnections } from './redis-connections.js';
import type { ReconnectionPace } from './reconnection-pace.js';
import { firstTable, newestTable, type SlotTable } from './slot-table.js';

interface SlotTableWatchOptions {
  /** Nodes to ask for the table while no server in use gives it. */
  readonly seeds: readonly HostAndPort[];
  readonly login: RedisLogin;
  readonly connectTimeoutMs: number;
  readonly paceWhenRefused: ReconnectionPace;
  /** The servers in use, by `host:port`. */
  readonly servers: ReadonlyMap<string, RedisConnections>;
  /** Whether nothing is wrong with the table in use. */
  readonly isWhole: () => boolean;
  /** @param delayMs  about the time until the table is asked for again, ms */
  readonly onUnread: (reason: string, delayMs: number) => void;
}

/** How often the table is read while nothing is wrong, and while something is. */
const CALM_MS = 10_000;
export const WORRIED_MS = 500;
/** The table is not read more often, however many replies say that it is old. */
const LEAST_PAUSE_MS = 100;

/** Reads the table of a cluster again and again until closed, sooner if there is a sign that it is old. */
export class SlotTableWatch {
  readonly #options: SlotTableWatchOptions;
  readonly #pause = new BreakablePause();
  #life: Promise<void> = Promise.resolve();
  #isStale = false;
  #isResting = false;
  /** Whether the node asked last has refused us. Then one node is asked at a time, in turn. */
  #isRefused = false;
  #turn = 0;

  constructor(options: SlotTableWatchOptions) {
    this.#options = options;
  }

  start(onRead: (table: SlotTable) => void): void {
    this.#life = this.#live(onRead);
  }

  /** There is a sign that the table is old: a reply such as `MOVED`, or a lost server. */
  suspect(): void {
    this.#isStale = true;
    if (this.#isResting) this.#pause.end();
  }

  async close(): Promise<void> {
    this.#pause.close();
    await this.#life;
  }

  async #live(onRead: (table: SlotTable) => void): Promise<void> {
    while (!this.#pause.isClosed()) {
      this.#isStale = false;
      try {
        const table = await this.#read();
        if (!this.#pause.isClosed()) onRead(table);
        this.#isRefused = false;
      } catch (error) {
        const reason = failureReason(error);
        this.#isRefused = isRefusal(reason);
        if (!this.#pause.isClosed()) this.#options.onUnread(reason, WORRIED_MS);
      }
      await this.#pause.for(LEAST_PAUSE_MS);
      await this.#rest();
    }
  }

  /** The newest table that the servers in use know; if none answers, that of the first known node to answer. */
  async #read(): Promise<SlotTable> {
    const { servers, seeds, login, connectTimeoutMs } = this.#options;
    const newest = await newestTable([...servers.values()]);
    if (newest) return newest;
    const known = [...seeds, ...[...servers.keys()].map(fromHostAndPort)];
    const turn = this.#turn % known.length;
    const asked = this.#isRefused ? known.slice(turn, turn + 1) : known;
    if (this.#isRefused) this.#turn++;
    return firstTable(asked, login, connectTimeoutMs);
  }

  /** Waits until it is time to look again, or there is a sign that the table is old. */
  async #rest(): Promise<void> {
    if (this.#isRefused) return this.#awaitTurn();
    if (this.#isStale) return;
    this.#isResting = true;
    await this.#pause.for((this.#options.isWhole() ? CALM_MS : WORRIED_MS) * (0.5 + Math.random()));
    this.#isResting = false;
  }

  async #awaitTurn(): Promise<void> {
    const { paceWhenRefused, isWhole } = this.#options;
    const stopWaiting = paceWhenRefused.whenLetIn(() => {
      this.#pause.end();
    });
    // If nothing is wrong with the table in use, it is not asked for sooner than usual.
    const calmMs = isWhole() ? CALM_MS * (0.5 + Math.random()) : 0;
    await this.#pause.for(Math.max(calmMs, paceWhenRefused.nextTurnMs()));
    stopWaiting();
  }
}
