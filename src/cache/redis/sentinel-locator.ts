import { CacheError } from '../engine/cache-errors.js';
import { pause, systemClock } from '../engine/clock.js';
import { withDeadline } from './deadline.js';
import { failureReason, isRefusal } from './failure-reason.js';
import type { HostAndPort, RedisAddress, RedisTarget } from './redis-address.js';
import { destroy, newClient } from './redis-client.js';

type SentinelTarget = RedisTarget & { kind: 'sentinel' };

type Named = HostAndPort & Required<Pick<RedisAddress, 'failover'>>;

/** How long the others are waited for once most have answered, ms. */
const STRAGGLERS_MS = 100;

/**
 * Finds the master: asks all sentinels at once, and believes the one that knows of the latest failover. Sentinels may be
 * behind, so after connecting one must still check that it is a master. Callers that ask at the same time share the answer.
 *
 * @param patienceMs  how long each sentinel may take to answer
 * @returns a function that rejects with `CACHE_STORE_UNAVAILABLE` if none names a master
 */
export function masterLocator(target: SentinelTarget, patienceMs: number): () => Promise<RedisAddress> {
  let asking: Promise<RedisAddress> | undefined;
  return () => {
    asking ??= locate(target, patienceMs).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

async function locate(target: SentinelTarget, patienceMs: number): Promise<RedisAddress> {
  const { sentinels, login } = target;
  const named: Named[] = [];
  let haveMost: () => void = () => undefined;
  const most = new Promise<void>((resolve) => {
    haveMost = resolve;
  });
  const asked = sentinels.map(async (sentinel) => {
    named.push(await ask(sentinel, target, patienceMs));
    if (named.length > sentinels.length / 2) haveMost();
  });
  const all = Promise.allSettled(asked);
  await Promise.race([all, most.then(() => pause(systemClock, STRAGGLERS_MS))]);
  const [newest] = named.sort((one, other) => other.failover - one.failover);
  if (newest) return { ...newest, ...login };
  const failures = (await all).flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason as unknown] : [],
  );
  const cause = failures.find((one) => isRefusal(failureReason(one))) ?? failures[0];
  throw new CacheError('CACHE_STORE_UNAVAILABLE', failureReason(cause), { cause });
}

async function ask(sentinel: HostAndPort, target: SentinelTarget, patienceMs: number): Promise<Named> {
  const { tls, password, clientName } = target.login;
  // A sentinel that needs no password accepts any.
  const address = { ...sentinel, tls, password, clientName, username: undefined, database: 0 };
  const client = newClient(address, patienceMs);
  try {
    const reply = client.connect().then(() => client.sendCommand(['SENTINEL', 'MASTER', target.masterName]));
    const fields = fieldsOf(await withDeadline(patienceMs, reply));
    const [host, port] = [fields.get('ip'), Number(fields.get('port'))];
    if (!host || !Number.isInteger(port)) throw new Error('No such master');
    const failover = Number(fields.get('config-epoch') ?? 0);
    // Until a failover is over, the sentinel that leads it gives its number, but still the master of the one before.
    const isUnderWay = fields.get('flags')?.includes('failover_in_progress') ?? false;
    return { host, port, failover: isUnderWay ? failover - 1 : failover };
  } catch (error) {
    if (!String(error).includes('No such master')) throw error;
    throw new CacheError('CACHE_STORE_UNAVAILABLE', 'NO_MASTER', { cause: error });
  } finally {
    destroy(client);
  }
}

/** The fields of a reply, which is an object or a flat list by version of the protocol. */
function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>));
  const pairs = reply.flatMap((name, index) =>
    index % 2 === 0 ? [[String(name), String(reply[index + 1])]] : [],
  );
  return new Map(pairs as [string, string][]);
}
