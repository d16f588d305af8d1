import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { pollUntil } from '../support/processes.js';
import { startRedisCluster, type RedisClusterProcesses } from '../support/redis-cluster.js';
import { openStore, type OpenStore } from '../support/redis-store.js';
import { storeContract } from './store.contract.js';

jest.setTimeout(60_000);

describe('the store in a Redis Cluster', () => {
  let cluster: RedisClusterProcesses;
  let open: OpenStore;

  beforeAll(async () => {
    cluster = await startRedisCluster();
    open = openStore({ clusterNodes: cluster.nodes.slice(0, 1) }, { namespace: `${randomUUID()}:` });
    await open.available();
    // Each master has a connection of its own, and the first that is there is enough for that.
    const { servers } = open;
    const ask = (name: string) => servers.read(name, 1000, (session) => session.client.ping());
    await pollUntil(async () => {
      const asked = await Promise.allSettled(servers.names.map(ask));
      return asked.length === cluster.nodes.length && asked.every(({ status }) => status === 'fulfilled');
    }, 10_000);
  });

  afterAll(async () => {
    await open.close();
    await cluster.stop();
  });

  storeContract(
    () => open.store,
    (ms) => wait(ms),
  );
});
