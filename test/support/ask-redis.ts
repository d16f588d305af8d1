import type { FaultProxy } from './fault-proxy.js';
import { connectAdmin } from './redis-admin.js';

/** One question on a connection of its own, as the administrator where there is one. */
export async function ask(
  { url, adminUrl = url }: { url: string; adminUrl?: string },
  command: readonly string[],
): Promise<string> {
  const client = await connectAdmin({ adminUrl });
  try {
    return String(await client.sendCommand<unknown>([...command]));
  } finally {
    client.destroy();
  }
}

/** Silences those connections of a proxy by which somebody hears of invalidations. @returns how many */
export async function silenceSubscribers(
  redis: { url: string; adminUrl?: string },
  proxy: Pick<FaultProxy, 'ports' | 'silence'>,
): Promise<number> {
  const subscribers = await ask(redis, ['CLIENT', 'LIST', 'TYPE', 'pubsub']);
  const theirs = new Set([...subscribers.matchAll(/ addr=\S*:(\d+)/g)].map(([, port]) => Number(port)));
  const indices = proxy
    .ports()
    .flatMap((port, index) => (port !== undefined && theirs.has(port) ? [index] : []));
  for (const index of indices) proxy.silence(index);
  return indices.length;
}
