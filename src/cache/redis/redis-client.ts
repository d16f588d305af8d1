import { RedisClient as NodeRedis, RESP_TYPES } from 'redis';
import type { RedisAddress } from './redis-address.js';
import { rememberingLookup } from './remembering-lookup.js';

export type RedisClient = ReturnType<typeof newClient>;
/** Gives what is stored as bytes, not as text. */
export type BinaryClient = ReturnType<typeof asBinary>;

const lookup = rememberingLookup();
// The package's `createClient` makes a class with a function for each command anew for each address: tens of ms.
const makeClient = NodeRedis.factory();

/** A client that is no more than the protocol on one connection. */
export function newClient(address: RedisAddress, connectTimeoutMs: number) {
  const { host, port, tls, username, password, database, clientName } = address;
  const client = makeClient({
    socket: {
      host,
      port,
      lookup,
      ...(tls ? { tls } : {}),
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: false,
    },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    name: clientName,
    // A command kept for later would be a stale write later.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    maintNotifications: 'disabled',
    ...withoutClientTimeout,
  });
  // After bytes that are no reply the client reads on, and would give later replies to earlier commands.
  client.on('error', () => {
    destroy(client);
  });
  // Who is destroyed while it connects would go on once it has, and nobody would close that connection.
  client.on('connect', () => {
    if (!client.isOpen) client.destroy();
  });
  return client;
}

// The client's own timeout covers only commands not yet written and costs a timer each; ours covers all. Its types
// do not know that `undefined` switches it off.
const withoutClientTimeout: object = { commandOptions: { timeout: undefined } };

export function asBinary(client: RedisClient) {
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}

export function destroy(client: { readonly isOpen: boolean; destroy(): void }): void {
  if (client.isOpen) client.destroy();
}
