import { createClient } from 'redis';

/** One question on a connection of its own. */
export async function ask({ url }: { url: string }, command: readonly string[]): Promise<string> {
  const client = createClient({ url, disableOfflineQueue: true });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return String(await client.sendCommand<unknown>([...command]));
  } finally {
    client.destroy();
  }
}
