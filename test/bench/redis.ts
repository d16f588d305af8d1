import { createClient } from 'redis';

/** A client for what the bench itself asks of Redis. */
export async function connectToRedis(url: string) {
  const client = createClient({ url });
  // The command that fails tells it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export type RedisClient = Awaited<ReturnType<typeof connectToRedis>>;
