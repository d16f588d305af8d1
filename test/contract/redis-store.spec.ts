import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { required } from '../support/processes.js';
import { openStore, type OpenStore } from '../support/redis-store.js';
import { storeContract } from './store.contract.js';

describe('the store in Redis', () => {
  let open: OpenStore;

  beforeAll(async () => {
    open = openStore({ url: required('TEST_REDIS_URL') }, { namespace: `${randomUUID()}:` });
    await open.available();
  });

  afterAll(() => open.close());

  storeContract(
    () => open.store,
    (ms) => wait(ms),
  );
});
