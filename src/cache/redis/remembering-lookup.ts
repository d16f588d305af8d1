import { promises, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { BoundedMap } from '../engine/bounded-map.js';
import { withDeadline } from './deadline.js';

interface Question {
  readonly answer: Promise<LookupAddress[]>;
  /** Rejects when the answer is late; for those who ask after that, at once. */
  readonly inTime: Promise<LookupAddress[]>;
}

type Ask = (host: string, options: LookupOptions & { all: true }) => Promise<LookupAddress[]>;

/** How long the name service is waited for if an earlier answer is known, ms. */
const PATIENCE_MS = 250;
/** A bound, since names come not only from settings but also from clusters and sentinels, which could make them up. */
const MAX_NAMES = 100;

/**
 * Looks names up for `net.connect`. While the name service is away it gives what was found last, so that a lost connection
 * can be made again; but an answer that there is no such name counts. For each name one question is under way at a time,
 * since one that hangs takes up one of the few threads that files need as well.
 *
 * @param ask  default: `dns.promises.lookup`
 */
export function rememberingLookup(
  ask: Ask = (host, options) => promises.lookup(host, options),
): LookupFunction {
  const remembered = new BoundedMap<LookupAddress[]>(MAX_NAMES);
  const asked = new Map<string, Question>();

  const question = (name: string, host: string, options: LookupOptions): Question => {
    const underWay = asked.get(name);
    if (underWay) return underWay;
    const answer = ask(host, { ...options, all: true }).finally(() => asked.delete(name));
    answer.then(
      (found) => {
        remembered.set(name, found);
      },
      (error: unknown) => {
        if (isNoSuchName(error)) remembered.delete(name);
      },
    );
    const begun = { answer, inTime: withDeadline(PATIENCE_MS, answer) };
    begun.inTime.catch(() => undefined);
    asked.set(name, begun);
    return begun;
  };
  const find = async (host: string, options: LookupOptions) => {
    const name = `${host} ${options.family ?? 0} ${options.hints ?? 0}`;
    const { answer, inTime } = question(name, host, options);
    if (!remembered.has(name)) return answer;
    return inTime.catch((error: unknown) => {
      const last = remembered.get(name);
      if (isNoSuchName(error) || !last) throw error;
      return last;
    });
  };

  return (host, options, callback) => {
    find(host, options).then(
      (found) => {
        if (options.all) callback(null, found);
        else callback(null, found[0]?.address ?? '', found[0]?.family);
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, []);
      },
    );
  };
}

function isNoSuchName(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOTFOUND';
}
