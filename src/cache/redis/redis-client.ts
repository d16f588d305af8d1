import { RedisClient as NodeRedis, RESP_TYPES } from 'redis';
import type { RedisAddress } from './redis-address.js';
import { rememberingLookup } from './remembering-lookup.js';

export type RedisClient = ReturnType<typeof newClient>;
/** Gives stored values as bytes, not as text. */
export type BinaryClient = ReturnType<typeof asBinary>;

const lookup = rememberingLookup();
// The package's `createClient` takes tens of ms: for each address it makes a class with a function for each command.
const makeClient = NodeRedis.factory();

/** A client that only speaks the protocol, on one connection: without reconnection, queue or timeouts of its own. */
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
    // A write that is sent after a gap could put old data over new.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    maintNotifications: 'disabled',
    ...withoutClientTimeout,
  });
  // After bytes that are no reply the client would read on, and match later replies to earlier commands.
  client.on('error', () => {
    destroy(client);
  });
  // A client that is destroyed while it connects goes on when it has connected, and nobody would close that connection.
  client.on('connect', () => {
    if (!client.isOpen) client.destroy();
  });
  return client;
}

// The client's own timeout covers only commands that are not written yet, and costs a timer for each; ours covers all. Its
// types do not know that `undefined` switches it off.
const withoutClientTimeout: object = { commandOptions: { timeout: undefined } };

export function asBinary(client: RedisClient) {
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}

export function destroy(client: { readonly isOpen: boolean; destroy(): void }): void {
  if (client.isOpen) client.destroy();
}
