import { setTimeout as wait } from 'node:timers/promises';
import type { Versioned } from './source.js';

const READERS = 8;
const PAUSE_BETWEEN_WRITES_MS = 250;
/** Who has no answer by then has none. */
const PATIENCE_MS = 5000;

/** What readers saw while there were writes. */
export interface Seen {
  readonly reads: number;
  /** Answers older than a write that was acknowledged before they were asked for. */
  readonly old: number;
  /** How long before an answer was asked for it was superseded, ms; the longest. */
  readonly oldestMs: number;
  /** Reads without an answer, or with an error. */
  readonly failed: number;
  /** Writes that were acknowledged: without any, nothing can be old. */
  readonly writes: number;
  readonly slowestMs: number;
}

/** What writers were told: the versions of each thing, and when each of them was acknowledged, ms. */
export class Acknowledged {
  readonly #versions = new Map<string, { readonly version: number; readonly atMs: number }[]>();

  add({ id, version }: Versioned, atMs: number): void {
    const known = this.#versions.get(id) ?? [];
    known.push({ version, atMs });
    this.#versions.set(id, known);
  }

  /** How long before `askedAtMs` what was read had been superseded, ms; 0: it was not. */
  behindMs({ id, version }: Versioned, askedAtMs: number): number {
    const next = this.#versions.get(id)?.find((one) => one.version > version);
    return next && next.atMs < askedAtMs ? askedAtMs - next.atMs : 0;
  }
}

/** Reads from all processes, and writes through all of them, for some time. */
export async function readWhileWriting(
  urls: readonly string[],
  ids: readonly string[],
  acknowledged: Acknowledged,
  seconds: number,
): Promise<Seen> {
  const untilMs = performance.now() + seconds * 1000;
  const seen = { reads: 0, old: 0, oldestMs: 0, failed: 0, writes: 0, slowestMs: 0 };
  const read = async () => {
    while (performance.now() < untilMs) {
      const askedAtMs = performance.now();
      const answer = await ask('GET', oneOf(urls), oneOf(ids));
      const behindMs = answer ? acknowledged.behindMs(answer, askedAtMs) : 0;
      seen.reads++;
      if (!answer) seen.failed++;
      if (behindMs > 0) seen.old++;
      seen.oldestMs = Math.max(seen.oldestMs, behindMs);
      seen.slowestMs = Math.max(seen.slowestMs, performance.now() - askedAtMs);
    }
  };
  // One of each thing at a time: their versions are acknowledged in order.
  const write = async (id: string) => {
    await wait(Math.random() * PAUSE_BETWEEN_WRITES_MS);
    while (performance.now() < untilMs) {
      const written = await ask('POST', oneOf(urls), id);
      if (written) {
        acknowledged.add(written, performance.now());
        seen.writes++;
      }
      await wait(PAUSE_BETWEEN_WRITES_MS);
    }
  };
  await Promise.all([...Array.from({ length: READERS }, read), ...ids.map(write)]);
  return seen;
}

/** @returns of how many, asked of each process, the answer is old, or there is none, though nobody writes any more */
export async function oldForGood(
  urls: readonly string[],
  ids: readonly string[],
  acknowledged: Acknowledged,
): Promise<number> {
  let old = 0;
  for (const url of urls) {
    for (const id of ids) {
      const askedAtMs = performance.now();
      const answer = await ask('GET', url, id);
      if (!answer || acknowledged.behindMs(answer, askedAtMs) > 0) old++;
    }
  }
  return old;
}

/** So many ask for one thing at once, of each process as many. */
export async function askAtOnce(urls: readonly string[], id: string, callers: number): Promise<void> {
  await Promise.all(Array.from({ length: callers }, (_, n) => ask('GET', urls[n % urls.length]!, id)));
}

/** @returns nothing where there is no answer in time, an error, or what is said of another thing or of no version */
export async function ask(method: string, url: string, id: string): Promise<Versioned | undefined> {
  try {
    const answer = await fetch(`${url}/versions/${id}`, { method, signal: AbortSignal.timeout(PATIENCE_MS) });
    const body = (await answer.json()) as Partial<Versioned>;
    return answer.ok && body.id === id && Number.isInteger(body.version) ? (body as Versioned) : undefined;
  } catch {
    return undefined;
  }
}

function oneOf<Item>(items: readonly Item[]): Item {
  return items[Math.floor(Math.random() * items.length)]!;
}
