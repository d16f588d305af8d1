import { RedisClient } from 'redis';

// The package's `createClient` makes a class with all commands anew for each server.
const makeClient = RedisClient.factory();

export type RedisAdmin = Awaited<ReturnType<typeof connectAdmin>>;

/** A connection on which a test does to Redis what the service would not. Its server may end before it: that is no error. */
export async function connectAdmin({ adminUrl }: { adminUrl: string }) {
  const client = makeClient({
    url: adminUrl,
    disableOfflineQueue: true,
    // A busy machine may take longer than the client's own 5 s.
    commandOptions: { timeout: 60_000 },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
