/** The requests of one client that the other processes do not know of yet. */
interface UnsharedCount {
  readonly key: string;
  /** To be added to the total of all processes. */
  readonly count: number;
}

/** The total of all processes, and how long it still counts, ms. */
export interface SharedCount {
  readonly total: number;
  readonly leftMs: number;
}

/** Adds the counts to those of the other processes. `undefined`: it is not known whether that has happened. */
export type ShareCounts = (
  counts: readonly UnsharedCount[],
  windowMs: number,
) => Promise<readonly SharedCount[] | undefined>;

interface RateCountersOptions {
  readonly windowMs: number;
  /** Absent: every process counts for itself. */
  readonly share?: ShareCounts | undefined;
  /** Monotonic, ms. Default: `performance.now`. */
  readonly now?: () => number;
}

/** What is known of a client in its window. */
interface Usage {
  readonly key: string;
  endsAtMs: number;
  /** The last total of all processes; `undefined` before the first exchange. */
  shared: number | undefined;
  /** How many requests all processes admitted for each one of this process, at the last exchange; assumed to go on. */
  pace: number;
  /** How many are being sent to the others. */
  sending: number;
  /** How many are not sent yet. */
  unsent: number;
}

const SHARE_EVERY_MS = 200;
/** How many keys one call has, so that it does not hold up others. */
const MAX_BATCH = 500;
/** How many clients a generation has; there are two. */
const MAX_CLIENTS = 50_000;
/** Counts are shared at once if so many times a client's unshared requests would use up the rest of its allowance. */
const URGENT = 16;
/** A bound: a process that hardly sees a client must not count each of its requests as all those that others see. */
const MAX_PACE = 16;

/**
 * Counts the requests of clients in fixed windows, which begin with a client's first request. No request waits for other
 * processes: each process decides by the last total it got and what it has counted since, and assumes that the others admit
 * in the same proportion as before. So a process that hears from none limits by its own count, and several together exceed
 * a limit only by what comes in between two exchanges.
 *
 * Windows end by themselves, and clients beyond the bound push out the oldest: what others know of those comes back with
 * the next exchange.
 */
export class RateCounters {
  readonly #windowMs: number;
  readonly #share: ShareCounts | undefined;
  readonly #now: () => number;
  #young = new Map<string, Usage>();
  #old = new Map<string, Usage>();
  #turnsAtMs: number;
  readonly #unshared = new Set<Usage>();
  #timer: NodeJS.Timeout | undefined;
  #isSharing = false;
  #isUrgent = false;

  constructor({ windowMs, share, now = () => performance.now() }: RateCountersOptions) {
    this.#windowMs = windowMs;
    this.#share = share;
    this.#now = now;
    this.#turnsAtMs = now() + windowMs;
  }

  /**
   * Counts one request, unless it is beyond the limit.
   *
   * @returns 0, or if it is to be refused the time until the client's window ends, ms
   */
  take(key: string, limit: number): number {
    const now = this.#now();
    let usage = this.#young.get(key) ?? this.#old.get(key);
    if (!usage || usage.endsAtMs <= now) usage = this.#begin(key, now);
    const left = limit - (usage.shared ?? 0) - (usage.sending + usage.unsent) * usage.pace;
    if (left <= 0) return usage.endsAtMs - now;
    usage.unsent++;
    if (this.#share) this.#plan(usage, left);
    return 0;
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** How many clients have requests that the others do not know of. */
  get unshared(): number {
    return this.#unshared.size;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unshared.clear();
  }

  /** Exchanges what is unshared, one call at a time. */
  async share(): Promise<void> {
    if (this.#isSharing || !this.#share || this.#unshared.size === 0) return;
    this.#isSharing = true;
    this.#isUrgent = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#nextBatch();
    const totals = await this.#share(
      batch.map(({ key, sending }) => ({ key, count: sending })),
      this.#windowMs,
    );
    this.#isSharing = false;
    batch.forEach((usage, index) => {
      this.#settle(usage, totals?.[index]);
    });
    this.#goOn(totals !== undefined);
  }

  #goOn(isHeard: boolean): void {
    if (this.#unshared.size === 0) return;
    if (isHeard && this.#isUrgent) void this.share();
    else this.#shareLater();
  }

  #begin(key: string, now: number): Usage {
    if (now >= this.#turnsAtMs || this.#young.size >= MAX_CLIENTS) {
      this.#old = now >= this.#turnsAtMs + this.#windowMs ? new Map<string, Usage>() : this.#young;
      this.#young = new Map();
      this.#turnsAtMs = now + this.#windowMs;
    }
    const usage = { key, endsAtMs: now + this.#windowMs, shared: undefined, pace: 1, sending: 0, unsent: 0 };
    this.#young.set(key, usage);
    return usage;
  }

  #plan(usage: Usage, left: number): void {
    this.#toShare(usage);
    if (usage.unsent * URGENT < left) {
      this.#shareLater();
      return;
    }
    this.#isUrgent = true;
    void this.share();
  }

  /** Clients beyond the bound are not shared: while no exchange succeeds, all would pile up. */
  #toShare(usage: Usage): void {
    if (this.#unshared.size < MAX_CLIENTS) this.#unshared.add(usage);
  }

  #shareLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.share();
    }, SHARE_EVERY_MS).unref();
  }

  #nextBatch(): Usage[] {
    const now = this.#now();
    const batch: Usage[] = [];
    for (const usage of this.#unshared) {
      if (batch.length === MAX_BATCH) break;
      this.#unshared.delete(usage);
      if (usage.endsAtMs <= now) continue;
      usage.sending = usage.unsent;
      usage.unsent = 0;
      batch.push(usage);
    }
    return batch;
  }

  #settle(usage: Usage, heard: SharedCount | undefined): void {
    if (heard) {
      if (usage.shared !== undefined) {
        const pace = (heard.total - usage.shared) / usage.sending;
        usage.pace = Math.min(MAX_PACE, Math.max(1, pace));
      }
      usage.shared = heard.total;
      usage.endsAtMs = this.#now() + heard.leftMs;
    } else {
      usage.unsent += usage.sending;
      this.#toShare(usage);
    }
    usage.sending = 0;
  }
}
