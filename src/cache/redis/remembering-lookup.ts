import { promises, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { within } from './deadline.js';

type Ask = (host: string, options: LookupOptions & { all: true }) => Promise<LookupAddress[]>;

/** A name service that says nothing for so long is away, if there is something to go by, ms. */
const PATIENCE_MS = 500;
/** Names come from settings, and from clusters and sentinels, who could make them up. */
const MAX_NAMES = 100;

/**
 * Looks names up for `net.connect`, and gives what was found last while the name service is away: a connection that was
 * lost then can be made again. Whoever says that there is no such name is believed. One question for a name is under way at
 * a time, since each that hangs takes one of the few threads that files need as well.
 *
 * @param ask  default: `dns.promises.lookup`
 */
export function rememberingLookup(
  ask: Ask = (host, options) => promises.lookup(host, options),
): LookupFunction {
  const remembered = new Map<string, LookupAddress[]>();
  const asked = new Map<string, Promise<LookupAddress[]>>();

  const askOnce = (name: string, host: string, options: LookupOptions) => {
    const underWay = asked.get(name);
    if (underWay) return underWay;
    const answer = ask(host, { ...options, all: true })
      .then((found) => {
        remembered.delete(name);
        remembered.set(name, found);
        const [oldest] = remembered.keys();
        if (remembered.size > MAX_NAMES && oldest !== undefined) remembered.delete(oldest);
        return found;
      })
      .finally(() => asked.delete(name));
    asked.set(name, answer);
    return answer;
  };
  const find = async (host: string, options: LookupOptions) => {
    const name = `${host} ${options.family ?? 0} ${options.hints ?? 0}`;
    const answer = askOnce(name, host, options);
    const last = remembered.get(name);
    if (!last) return answer;
    return within(PATIENCE_MS, answer).catch((error: unknown) => {
      if (isNoSuchName(error)) throw error;
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
