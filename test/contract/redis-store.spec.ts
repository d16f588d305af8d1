import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { required } from '../support/processes.js';
import { openStore, type OpenStore } from '../support/redis-store.js';
import { entryOf, storeContract } from './store.contract.js';

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

  it.each([1, 8000, 200_000, 2_000_000])(
    'gives back a body of %i bytes, and how long it will still be there',
    async (length) => {
      const name = { keyText: `of ${length}`, key: `cache:of:${length}` };
      const body = Buffer.alloc(length, 'x');
      await open.store.write(name, entryOf(name, body, 60_000));

      const { stored } = await open.store.read(name, [], 5000);

      expect(stored?.entry.body.equals(body)).toBe(true);
      expect(stored?.leftMs).toBeGreaterThan(50_000);
      expect(stored?.leftMs).toBeLessThanOrEqual(60_000);
    },
  );
});
