import { setTimeout as rest } from 'node:timers/promises';
import { systemClock } from '../../src/cache/engine/clock.js';
import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import { ANY, EPOCH } from '../../src/cache/engine/tags.js';
import { keySlot } from '../../src/cache/redis/key-slot.js';
import { FollowingStore } from '../../src/cache/stores/following.store.js';
import { ask } from '../support/ask-redis.js';
import { figure, isMeasuring } from '../support/figures.js';
import { pollUntil } from '../support/processes.js';
import { startRedisCluster, type RedisClusterProcesses } from '../support/redis-cluster.js';
import { openStore, type OpenStore } from '../support/redis-store.js';
import { SimulatedOutbox } from '../support/simulated-outbox.js';
import { aName, entryOf } from './store.contract.js';

jest.setTimeout(120_000);

const BUDGET_MS = 1000;
const TOKEN_TTL_MS = 60_000;
/** Between questions, for other tests run beside these. */
const REST_MS = isMeasuring ? 0 : 10;
const unavailable = { code: 'CACHE_STORE_UNAVAILABLE' };

let cluster: RedisClusterProcesses;
let open: OpenStore;

async function start(options: Parameters<typeof startRedisCluster>[0] = {}): Promise<void> {
  cluster = await startRedisCluster(options);
  open = openStore({ clusterNodes: cluster.nodes });
  await pollUntil(() => open.servers.names.length === 3 && allAnswer(), 10_000);
}

afterEach(async () => {
  for (const redis of cluster.masters) redis.thaw();
  await open.close();
  await cluster.stop();
});

/** A tag whose token the n-th master has. */
function tagOn(index: number, prefix = 'tag/course:'): string {
  for (let n = 0; ; n++)
    if (open.store.partitionOf(`${prefix}${n}`) === cluster.nodes[index]) return `${prefix}${n}`;
}

/** An entry of the n-th master. */
function nameOn(index: number) {
  for (;;) {
    const name = aName();
    if (open.servers.nameOf(name.key) === cluster.nodes[index]) return name;
  }
}

async function allAnswer(): Promise<boolean> {
  const answers = await Promise.allSettled(
    [0, 1, 2].map((index) => open.store.tokens([tagOn(index)], BUDGET_MS)),
  );
  return answers.every(({ status }) => status === 'fulfilled');
}

/** Whether it answered. */
const settledAs = [() => true, () => false] as const;

function isClusterDown(error: unknown): boolean {
  return String(error).includes('CLUSTERDOWN');
}

async function wait(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work().catch(() => undefined);
  return performance.now() - since;
}

it('knows the slot of every key as Redis does', async () => {
  await start();
  const keys = [
    '',
    'a',
    'foo{bar}baz',
    'foo{}{bar}',
    '{ü}x',
    'x{',
    'x}',
    '{{a}}',
    'token:tag/kurs:ä☃',
    '{0}',
  ];

  for (const key of keys) {
    expect([key, String(keySlot(key))]).toEqual([
      key,
      await ask(cluster.masters[0]!, ['CLUSTER', 'KEYSLOT', key]),
    ]);
  }
});

it('F19: with one of three masters hung answers for the others, and says so once for what it has', async () => {
  await start();
  const tags = [0, 1, 2].map((index) => tagOn(index));
  const names = [0, 1, 2].map(nameOn);
  for (const name of names) await open.store.write(name, entryOf(name, 'x'));
  for (const [index, name] of names.entries())
    await open.store.open(name, [tags[index]!], TOKEN_TTL_MS, BUDGET_MS);
  cluster.masters[0]!.freeze();

  const firstMs = await wait(() => open.store.read(names[0]!, [tags[0]!], 200));
  const hungMs: number[] = [];
  const livingMs: number[] = [];
  let failed = 0;
  const endMs = performance.now() + 4000;
  while (performance.now() < endMs) {
    hungMs.push(await wait(() => open.store.read(names[0]!, [tags[0]!], 200)));
    for (const index of [1, 2]) {
      const since = performance.now();
      const { stored } = await open.store
        .read(names[index]!, ['epoch', tags[index]!], BUDGET_MS)
        .catch(() => ({ stored: undefined }));
      livingMs.push(performance.now() - since);
      if (!stored) failed++;
    }
    await rest(REST_MS);
  }

  const waited = hungMs.filter((ms) => ms > 100).length;
  figure('F19', 'one of three hung: first wait, ms', firstMs, { atMost: 250 });
  figure('F19', `of ${hungMs.length} later questions waited`, waited, { atMost: 1 });
  figure('F19', `of ${livingMs.length} questions to the others failed`, failed, { atMost: 0 });
  figure('F19', 'slowest answer of the others, ms', Math.max(...livingMs));
  expect(failed).toBe(0);
  expect(open.store.isAvailable()).toBe(true);
  await expect(open.store.tokens(tags, 200)).rejects.toMatchObject(unavailable);

  cluster.masters[0]!.thaw();
  await pollUntil(allAnswer, 10_000);
});

it('F19: with one of three masters hung and an outbox goes by that for what it has, and by the others for the rest', async () => {
  await start();
  const outbox = new SimulatedOutbox(systemClock);
  const store = new FollowingStore(open.store, outbox, systemClock, new L1Entries(systemClock, 10_000_000));
  const tags = [EPOCH, ...[0, 1, 2].map((index) => tagOn(index))];
  const named = (await store.open(nameOn(0), tags, TOKEN_TTL_MS, BUDGET_MS)).tokens;
  const found = nameOn(1);
  await store.write(found, { ...entryOf(found, 'x'), tags, tokens: named.map(String) });
  await pollUntil(() => Promise.resolve(open.store.isWhole()), 10_000);
  cluster.masters[0]!.freeze();

  const firstMs = await wait(() => store.tokens(tags, 200));
  const laterMs: number[] = [];
  for (let n = 0; n < 50; n++) {
    laterMs.push(await wait(() => store.read(found, tags, BUDGET_MS)));
    await rest(REST_MS);
  }

  figure('F19', 'with an outbox: one of three hung: first wait, ms', firstMs, { atMost: 250 });
  figure('F19', 'with an outbox: of 50 later questions waited', laterMs.filter((ms) => ms > 100).length, {
    atMost: 1,
  });
  expect(await store.read(found, tags, BUDGET_MS)).toMatchObject({
    stored: { entry: { keyText: found.keyText } },
    tokens: named,
  });
  const mine = await store.open(nameOn(0), tags, TOKEN_TTL_MS, BUDGET_MS, { owner: 'me', ttlMs: 1000 });
  expect(mine).toMatchObject({ tokens: named, hasLease: true, isPerProcess: true });
  // By another process, which reaches the others.
  const other = openStore({ clusterNodes: cluster.nodes.slice(1) });
  await other.available();
  const reached = () => other.store.tokens([tags[2]!], BUDGET_MS).then(...settledAs);
  await pollUntil(reached, 10_000);
  outbox.commit([tags[1]!])();
  await other.store.invalidate([tags[2]!], [], BUDGET_MS);
  expect(await store.tokens(tags, BUDGET_MS)).toEqual([named[0], undefined, undefined, named[3]]);
  await expect(store.invalidate([tags[1]!, tags[3]!], [], 300)).rejects.toMatchObject(unavailable);
  expect(await store.tokens(tags, BUDGET_MS)).toEqual([named[0], undefined, undefined, undefined]);

  cluster.masters[0]!.thaw();
  await pollUntil(() => Promise.resolve(open.store.isWhole()), 10_000);
  const { asked } = outbox;
  const whole = (await store.open(nameOn(0), tags, TOKEN_TTL_MS, BUDGET_MS)).tokens;
  expect(await open.store.tokens(tags, BUDGET_MS)).toEqual(whole);
  expect(outbox.asked).toBe(asked);
  await other.close();
});

it('finds nothing where a hung master would have it, and leaves it to each to run for itself', async () => {
  await start();
  const [name, tag] = [nameOn(0), tagOn(1)];
  const { tokens } = await open.store.open(name, [tag], TOKEN_TTL_MS, BUDGET_MS);
  await open.store.write(name, entryOf(name, 'x'));
  await pollUntil(() => Promise.resolve(open.store.isWhole()), 10_000);
  cluster.masters[0]!.freeze();
  await expect(open.store.read(name, [tag], 200)).rejects.toMatchObject(unavailable);

  expect(await open.store.read(name, [tag], BUDGET_MS)).toMatchObject({ stored: undefined, tokens });
  for (const owner of ['one', 'two'])
    expect(await open.store.open(name, [tag], TOKEN_TTL_MS, BUDGET_MS, { owner, ttlMs: 1000 })).toMatchObject(
      { stored: undefined, tokens, hasLease: true, isPerProcess: true },
    );
  expect([tagOn(0), tag, EPOCH, name].map((what) => open.store.isAway(what))).toEqual([
    true,
    false,
    false,
    true,
  ]);
  expect(open.store.isWhole()).toBe(false);

  cluster.masters[0]!.thaw();
  await pollUntil(() => Promise.resolve(open.store.isWhole()), 10_000);
  expect((await open.store.read(name, [tag], BUDGET_MS)).stored?.entry.body.toString()).toBe('x');
});

it('owes what a hung master did not confirm, and asks it nothing before it is paid', async () => {
  await start();
  const [hung, other] = [tagOn(0), tagOn(1)];
  await open.store.open(nameOn(2), [hung, other], TOKEN_TTL_MS, BUDGET_MS);
  cluster.masters[0]!.freeze();

  await expect(open.store.invalidate([hung, other], [], 300)).rejects.toMatchObject(unavailable);

  expect(await open.store.tokens([other], BUDGET_MS)).toEqual([undefined]);
  cluster.masters[0]!.thaw();
  await pollUntil(allAnswer, 10_000);
  expect(await open.store.tokens([hung], BUDGET_MS)).toEqual([undefined]);
});

it('takes a tag away again after its witness, when the witness was on a hung master', async () => {
  await start();
  const onHung =
    [ANY, 'family/course'].find((tag) => open.store.partitionOf(tag) === cluster.nodes[0]) ??
    tagOn(0, 'family/f');
  const [tag, untouched] = [tagOn(1), tagOn(2)];
  await open.store.open(nameOn(2), [onHung, tag, untouched], TOKEN_TTL_MS, BUDGET_MS);
  cluster.masters[0]!.freeze();

  await expect(open.store.invalidate([onHung, tag], [], 300)).rejects.toMatchObject(unavailable);

  // What others may have stored under a new token, while the witness still stood.
  await ask(cluster.masters[1]!, ['SET', `token:${tag}`, 'a.b']);
  expect(await open.store.tokens([tag], BUDGET_MS)).toEqual([undefined]);
  await expect(open.store.read(nameOn(2), [tag], BUDGET_MS)).rejects.toMatchObject({ message: 'owed' });
  expect(await open.store.tokens([untouched], BUDGET_MS)).not.toEqual([undefined]);
  cluster.masters[0]!.thaw();
  await pollUntil(
    () =>
      open.store.read(nameOn(2), [tag, onHung], BUDGET_MS).then(
        ({ tokens }) => tokens.every((token) => token === undefined),
        () => false,
      ),
    10_000,
  );
  expect(await ask(cluster.masters[1]!, ['EXISTS', `token:${tag}`])).toBe('0');
});

it('F17: takes a slot that nobody serves for no answer, and serves all others meanwhile', async () => {
  await start();
  const [lost, other] = [tagOn(0), tagOn(1)];
  const [before] = (await open.store.open(nameOn(2), [lost, other], TOKEN_TTL_MS, BUDGET_MS)).tokens;
  const slot = String(keySlot(`token:${lost}`));
  for (const master of cluster.masters) await ask(master, ['CLUSTER', 'DELSLOTS', slot]);
  await expect(ask(cluster.masters[0]!, ['GET', `token:${lost}`])).rejects.toThrow('CLUSTERDOWN');

  for (let n = 0; n < 20; n++) {
    await expect(open.store.tokens([lost], BUDGET_MS)).rejects.toMatchObject({
      ...unavailable,
      message: 'CLUSTERDOWN',
    });
    expect(await open.store.tokens([other], BUDGET_MS)).toEqual([expect.any(String)]);
  }
  expect(open.store.isAvailable()).toBe(true);
  // Whoever looks at the others alone must be told, too.
  expect(open.servers).toMatchObject({ breaker: 'open', whyAway: 'CLUSTERDOWN' });

  await ask(cluster.masters[0]!, ['CLUSTER', 'ADDSLOTS', slot]);
  const since = performance.now();
  await pollUntil(() => open.store.tokens([lost], BUDGET_MS).then(...settledAs), 10_000);
  figure(
    'F17',
    'a slot without a master (CLUSTERDOWN): until it is used again, ms',
    performance.now() - since,
    {
      atMost: 5000,
    },
  );
  expect(await open.store.tokens([lost], BUDGET_MS)).toEqual([before]);
  expect(open.servers).toMatchObject({ breaker: 'closed', whyAway: undefined });
});

it('F17: takes a cluster that is down as a whole for one that is away, and goes by the outbox', async () => {
  await start();
  const [one, other] = [tagOn(1), tagOn(2)];
  const outbox = new SimulatedOutbox(systemClock);
  const store = new FollowingStore(open.store, outbox, systemClock, new L1Entries(systemClock, 10_000_000));
  const named = (await store.open(nameOn(2), [one, other], TOKEN_TTL_MS, BUDGET_MS)).tokens;
  for (const master of cluster.masters)
    await ask(master, ['CONFIG', 'SET', 'cluster-require-full-coverage', 'yes']);
  const slot = String(keySlot(`token:${tagOn(0)}`));
  for (const master of cluster.masters) await ask(master, ['CLUSTER', 'DELSLOTS', slot]);
  await pollUntil(
    () => ask(cluster.masters[1]!, ['GET', `token:${one}`]).then(() => false, isClusterDown),
    5000,
  );

  await expect(open.store.tokens([one], BUDGET_MS)).rejects.toMatchObject({
    ...unavailable,
    message: 'CLUSTERDOWN',
  });

  await pollUntil(() => !open.store.isAvailable(), 5000);
  expect(open.servers.whyAway).toBe('CLUSTERDOWN');
  expect(open.events).toContainEqual({ event: 'cache.connect_failed', reason: 'CLUSTERDOWN' });
  outbox.commit([other])();
  expect(await store.tokens([one, other], BUDGET_MS)).toEqual([named[0], undefined]);

  for (const master of cluster.masters)
    await ask(master, ['CONFIG', 'SET', 'cluster-require-full-coverage', 'no']);
  await ask(cluster.masters[0]!, ['CLUSTER', 'ADDSLOTS', slot]);
  await pollUntil(allAnswer, 10_000);
  expect(await open.store.tokens([one], BUDGET_MS)).toEqual([expect.any(String)]);
});

it('F20: follows a slot that moves to another master', async () => {
  await start();
  const tag = tagOn(0);
  const slot = String(keySlot(`token:${tag}`));
  const [from, to] = cluster.masters;
  const id = await ask(to!, ['CLUSTER', 'MYID']);
  await ask(to!, ['CLUSTER', 'SETSLOT', slot, 'NODE', id]);
  await ask(to!, ['CLUSTER', 'BUMPEPOCH']);
  await ask(from!, ['CLUSTER', 'SETSLOT', slot, 'NODE', id]);

  // Whoever asks is told so, which is why the table is read anew long before its time.
  const since = performance.now();
  await pollUntil(async () => {
    await open.store.tokens([tag], BUDGET_MS).catch(() => undefined);
    return open.store.partitionOf(tag) === cluster.nodes[1];
  }, 3000);
  figure('F20', 'until a slot that moved is followed, ms', performance.now() - since, { atMost: 3000 });

  expect((await open.store.open(nameOn(2), [tag], TOKEN_TTL_MS, BUDGET_MS)).tokens[0]).toBeDefined();
});

it('F20: goes on with all other slots of a master while one of them moves away, and then pays what it owes', async () => {
  await start();
  const [moving, staying] = [tagOn(0), tagOn(0, 'tag/other:')];
  const slot = String(keySlot(`token:${moving}`));
  const [from, to] = cluster.masters;
  const [fromId, toId] = await Promise.all([from!, to!].map((redis) => ask(redis, ['CLUSTER', 'MYID'])));
  await open.store.open(nameOn(0), [staying], TOKEN_TTL_MS, BUDGET_MS);
  await ask(to!, ['CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!]);
  await ask(from!, ['CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!]);

  await expect(open.store.invalidate([moving], [], 300)).rejects.toMatchObject({ message: 'ASK' });

  const endMs = performance.now() + 2500;
  while (performance.now() < endMs) {
    expect(await open.store.tokens([staying], BUDGET_MS)).toEqual([expect.any(String)]);
    expect(await open.store.tokens([moving], BUDGET_MS)).toEqual([undefined]);
    await expect(open.store.read(nameOn(0), [moving], BUDGET_MS)).rejects.toMatchObject({ message: 'owed' });
    await rest(REST_MS);
  }
  await ask(to!, ['CLUSTER', 'SETSLOT', slot, 'NODE', toId!]);
  await ask(to!, ['CLUSTER', 'BUMPEPOCH']);
  await ask(from!, ['CLUSTER', 'SETSLOT', slot, 'NODE', toId!]);
  await pollUntil(
    () =>
      open.store.read(nameOn(0), [moving], BUDGET_MS).then(
        () => true,
        () => false,
      ),
    10_000,
  );
});

it('F20: uses a master that others may have used before, also while a slot with an epoch moves away from it', async () => {
  await start();
  const { servers, store } = open;
  const [node, tag] = [cluster.nodes[0]!, tagOn(0)];
  const epochs = servers.hashTags.map((hashTag) => `token:epoch:${hashTag}`);
  const last = epochs.findLast((key) => servers.nameOf(key) === node)!;
  await store.open(nameOn(0), [tag], TOKEN_TTL_MS, BUDGET_MS);
  const id = await ask(cluster.masters[1]!, ['CLUSTER', 'MYID']);
  await ask(cluster.masters[0]!, ['CLUSTER', 'SETSLOT', String(keySlot(last)), 'MIGRATING', id]);
  await expect(ask(cluster.masters[0]!, ['DEL', last])).rejects.toThrow('ASK');

  await servers.write(node, BUDGET_MS, (session) => store.beforeUse(session, node, 'moved'));

  expect(await store.tokens([tag], BUDGET_MS)).toEqual([undefined]);
});

it('F19: uses the replica that was promoted, and believes nothing that it has from before', async () => {
  await start({ replicas: 1 });
  const [tag, other] = [tagOn(0), tagOn(1)];
  const name = nameOn(1);
  const { tokens } = await open.store.open(name, [tag, other], TOKEN_TTL_MS, BUDGET_MS);
  await pollUntil(async () => {
    await ask(cluster.replicas[0]!, ['READONLY']);
    return (await ask(cluster.masters[0]!, ['INFO', 'replication'])).includes('state=online');
  }, 10_000);

  await cluster.masters[0]!.kill();
  await pollUntil(
    async () => (await ask(cluster.replicas[0]!, ['INFO', 'replication'])).includes('role:master'),
    30_000,
  );
  const since = performance.now();
  await pollUntil(
    () =>
      open.store.tokens([tag], BUDGET_MS).then(
        () => true,
        () => false,
      ),
    20_000,
  );
  figure('F19', 'until the promoted replica is used, ms', performance.now() - since, { atMost: 2000 });

  const [now, untouched] = await open.store.tokens([tag, other], BUDGET_MS);
  expect(now).not.toBe(tokens[0]);
  expect(untouched).toBe(tokens[1]);
  expect(open.servers.names).not.toContain(cluster.nodes[0]);
});

it('F59: a master that comes in place of one that went on loses its epoch, and no other does', async () => {
  await start({ replicas: 1 });
  const promoted = `127.0.0.1:${cluster.replicas[0]!.port}`;
  const [tag, elsewhere] = [tagOn(0), tagOn(1)];
  const tokensOf = ({ store }: OpenStore) => store.tokens([tag, elsewhere], BUDGET_MS);
  const answers = (one: OpenStore) => tokensOf(one).then(...settledAs);
  await open.store.open(nameOn(2), [elsewhere], TOKEN_TTL_MS, BUDGET_MS);
  const [, kept] = await tokensOf(open);
  await cluster.takeOverUnheard();
  const other = openStore({ clusterNodes: [promoted] });
  await pollUntil(() => answers(other), 10_000);
  // Who comes from no other master takes nothing away.
  expect((await tokensOf(other))[1]).toBe(kept);
  const { tokens: before } = await other.store.open(nameOn(2), [tag, elsewhere], TOKEN_TTL_MS, BUDGET_MS);

  await open.store.invalidate([tag], [], BUDGET_MS);

  expect(open.servers.names).not.toContain(promoted);
  expect(await tokensOf(other)).toEqual(before);
  await cluster.beHeard();
  const since = performance.now();
  await pollUntil(async () => open.servers.names.includes(promoted) && (await answers(open)), 30_000);
  figure(
    'F59',
    'cluster: until the one that went on is used once it is heard, ms',
    performance.now() - since,
  );
  expect(await tokensOf(other)).toEqual([undefined, kept]);
  await other.close();
});

it('is found when the first nodes named are not there, and reported once when none is', async () => {
  await start();
  const other = openStore({ clusterNodes: ['127.0.0.1:1', cluster.nodes[2]!] });
  await other.available();
  const nowhere = openStore({ clusterNodes: ['127.0.0.1:1'] });
  await pollUntil(() => nowhere.events.length >= 4, 5000);

  expect(nowhere.events.map(({ event }) => event)).toEqual([
    'cache.init',
    'cache.connecting',
    'cache.connect_failed',
    'cache.disabled',
  ]);
  expect(other.servers.url).toBe(`redis+cluster://127.0.0.1:1,${cluster.nodes[2]}`);
  expect(nowhere.store.isAvailable()).toBe(false);
  await Promise.all([other.close(), nowhere.close()]);
});

it('F15: a cluster that does not take the password any more is tried now and then, and used when it does', async () => {
  await start();
  const onAll = (...command: string[]) => Promise.all(cluster.masters.map((redis) => ask(redis, command)));
  /** Each question is one itself. */
  const connectionsSoFar = async () => {
    const infos = await onAll('INFO', 'stats');
    return infos.reduce(
      (sum, info) => sum + Number(/total_connections_received:(\d+)/.exec(info)?.[1]) - 1,
      0,
    );
  };
  expect(open.servers.isRefused).toBe(false);

  await onAll('ACL', 'SETUSER', 'default', 'resetpass', '>second');
  await onAll('CLIENT', 'KILL', 'USER', 'default');
  await pollUntil(() => open.servers.isRefused && !open.store.isAvailable(), 5000);
  // Also where the first node named is not there, and only the next one says so.
  const other = openStore({ clusterNodes: ['127.0.0.1:1', cluster.nodes[2]!] });
  await pollUntil(() => other.servers.isRefused, 5000);
  await other.close();
  if (isMeasuring) {
    await rest(10_000);
    const [before, since] = [await connectionsSoFar(), performance.now()];
    await rest(15_000);
    const seconds = (performance.now() - since) / 1000;
    const attempts = (await connectionsSoFar()) - before - cluster.masters.length;
    figure('F15', 'cluster: attempts a second after 10 s', attempts / seconds, { atMost: 1 });
  }
  await onAll('ACL', 'SETUSER', 'default', 'nopass');
  const since = performance.now();
  await pollUntil(allAnswer, 10_000);

  figure('F15', 'cluster: until it is used again, ms', performance.now() - since, { atMost: 5000 });
  expect(open.servers.isRefused).toBe(false);
});
