import { createClient } from 'redis';

export type RedisAdmin = Awaited<ReturnType<typeof connectAdmin>>;

/** A connection on which a test does to Redis what the service would not. Its server may end before it: that is no error. */
export async function connectAdmin({ adminUrl }: { adminUrl: string }) {
  const client = createClient({ url: adminUrl, disableOfflineQueue: true });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
