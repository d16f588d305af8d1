import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { entryOf } from '../contract/store.contract.js';
import { required } from '../support/processes.js';
import { connectAdmin, type RedisAdmin } from '../support/redis-admin.js';
import { openStore, type OpenStore } from '../support/redis-store.js';

jest.setTimeout(60_000);

const BUDGET_MS = 2000;
const namespace = `${randomUUID()}:`;
const bystander = `${namespace}cache:bystander`;

let admin: RedisAdmin;
let open: OpenStore;

beforeAll(async () => {
  admin = await connectAdmin({ adminUrl: required('TEST_REDIS_ADMIN_URL') });
  await admin.set(bystander, 'untouched');
  open = openStore({ url: required('TEST_REDIS_URL') }, { namespace });
  await open.available();
});

afterAll(async () => {
  await open.close();
  admin.destroy();
});

/** Texts that would mean something to Redis, to its protocol or to Lua if anybody took them for more than texts. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom('\r\n', '\n', '\0', ' ', '"', "'", '\\', '*', '?', '[a-z]', '{', '}', '~', ':'),
        fc.constantFrom('*1\r\n$8\r\nFLUSHALL\r\n', '\r\nFLUSHALL\r\n', `\r\nDEL ${bystander}\r\n`),
        fc.constantFrom(']]', "' redis.call('flushall')", '--', '%d', 'KEYS[1]', '${x}'),
        fc.string(),
      ),
      { minLength: 1, maxLength: 8 },
    )
    .map((parts) => parts.join('')),
);

it('A31: whatever stands in keys, tags, owners and bodies reaches Redis as one text each', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, hostile, async (text, other) => {
      const { store } = open;
      const name = { keyText: text, key: `cache:hostile:${text}` };
      const [hard, soft] = [`tag/hard:${text}`, `tag/soft:${other}`];
      const lease = { owner: other, ttlMs: 10_000 };

      const opened = await store.open(name, [hard, soft], 60_000, BUDGET_MS, lease);
      await store.write(name, entryOf(name, other));

      expect(opened.hasLease).toBe(true);
      expect((await store.read(name, [], BUDGET_MS)).stored?.entry.body.toString()).toBe(other);
      expect(await store.renewLease(name, lease)).toBe(true);
      const keys = [`cache:hostile:${text}`, `lease:cache:hostile:${text}`, `token:${hard}`, `token:${soft}`];
      expect(await admin.exists([...new Set(keys)].map((key) => namespace + key))).toBe(4);

      await store.invalidate([hard], [soft], BUDGET_MS);
      await store.releaseLease(name, other);

      const [gone, renewed] = await store.tokens([hard, soft], BUDGET_MS);
      expect(gone).toBeUndefined();
      expect(renewed).toBeDefined();
      expect(renewed).not.toBe(opened.tokens[1]);
      expect(await admin.exists(`${namespace}lease:cache:hostile:${text}`)).toBe(0);
    }),
    { numRuns: 200 },
  );

  expect(await admin.get(bystander)).toBe('untouched');
  expect(await admin.info('commandstats')).not.toMatch(/cmdstat_flush/);
});

it('A31: every script is constant text', () => {
  const scripts = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .flatMap((name) => readFileSync(join('src', name), 'utf8').match(/`[^`]*\bredis\.p?call\([^`]*`/g) ?? []);

  expect(scripts.length).toBeGreaterThan(4);
  expect(scripts.filter((script) => script.includes('${'))).toEqual([]);
});
