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
