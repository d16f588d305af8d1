import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
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
