import { deferred, turn } from '../../../test/support/deferred.js';
import { plainLimits } from '../../../test/support/test-engine.js';
import { FakeClock, simulateInstances, type FaultyStore, type SimulatedInstance } from '../testing/index.js';
import { CacheEngine } from './cache-engine.js';
import { defaultPolicy } from './entry-policy.js';
import { L1Entries } from './l1-entries.js';
import type { Produced } from './factory.js';
import { Subject } from './subject.js';
import type { CacheEvent } from './cache-events.js';
import { EPOCH, plainTag, prefixTag } from './tags.js';
import type { Tracer } from './tracer.js';

const course = plainTag('course:PROG-101');
const parts = {
  prefix: 'view',
  keyText: 'view|/1',
  shape: '',
  // Runs are counted: there shall be none behind a hit.
  policy: { ...defaultPolicy, refreshAhead: 1 },
  tags: () => [prefixTag('view'), course],
};
const subject = new Subject(parts);

let clock: FakeClock;
let store: FaultyStore;
let backplane: SimulatedInstance['backplane'];
let events: CacheEvent[];
let engine: CacheEngine;

beforeEach(() => {
  clock = new FakeClock();
  [{ store, backplane }] = simulateInstances(1, clock) as [SimulatedInstance];
  // Of a process that shares the store with others and hears nothing of them.
  backplane.cut();
  startAnew();
});

function startAnew(): void {
  events = [];
  engine = new CacheEngine({
    ...inOneOfManyProcesses(),
    store,
    emit: (event) => events.push(event),
  });
}

function inOneOfManyProcesses() {
  return {
    clock,
    l1: new L1Entries(clock, 1_000_000),
    backplane,
    emit: () => undefined,
    ...plainLimits,
  };
}

function produced(value: string, resultTags: string[] = []): Produced<string> {
  return {
    value,
    isShareable: true,
    entry: { body: Buffer.from(value), ttlMs: 60_000, namedTags: resultTags },
  };
}

/** As Redis does where something else lies in its place, or where room was made in between. */
function giveNoTokenOf(tag: string): void {
  const open = store.open.bind(store);
  store.open = async (...asked) => {
    const [, tags] = asked;
    const opened = await open(...asked);
    return { ...opened, tokens: opened.tokens.map((token, n) => (tags[n] === tag ? undefined : token)) };
  };
}

async function get(factory: () => Promise<Produced<string>>, of = subject): Promise<string> {
  const { value, how } = await engine.getOrSet(of, factory, (entry) => entry.body.toString());
  if (how !== 'hit') await engine.background.settle();
  return value;
}

describe('a kept answer', () => {
  it('is given until its time is over, and the method runs once', async () => {
    const factory = jest.fn(() => Promise.resolve(produced('first')));

    expect([await get(factory), await get(factory)]).toEqual(['first', 'first']);
    clock.advance(59_999);
    await get(factory);
    expect(factory).toHaveBeenCalledTimes(1);
    clock.advance(1);
    await get(factory);
    expect(factory).toHaveBeenCalledTimes(2);
  });

  it('is never given again after an invalidation of something it depends on', async () => {
    await get(() => Promise.resolve(produced('old')));

    await engine.invalidate([course]);

    expect(await get(() => Promise.resolve(produced('new')))).toBe('new');
  });

  it('stays when something else is invalidated', async () => {
    await get(() => Promise.resolve(produced('kept')));

    await engine.invalidate([plainTag('course:PROG-102')]);

    expect(await get(() => Promise.reject(new Error('must not run')))).toBe('kept');
  });

  it('is not read by a program that knows another shape, nor for another question', async () => {
    await get(() => Promise.resolve(produced('one')));

    expect(await get(() => Promise.resolve(produced('two')), new Subject({ ...parts, shape: 'v2' }))).toBe(
      'two',
    );
    expect(
      await get(() => Promise.resolve(produced('three')), new Subject({ ...parts, keyText: 'view|/other' })),
    ).toBe('three');
  });
});

describe('the tokens of an answer', () => {
  const day = 24 * 3_600_000;
  const lasting = (keyText: string) =>
    new Subject({ ...parts, keyText, policy: { ...defaultPolicy, graceMs: day } });
  const keep = (of: Subject) => get(() => Promise.resolve(produced('kept')), of);

  it('are made to outlive it, however long that is, also where two are the first to last so long', async () => {
    const open = jest.spyOn(store, 'open');
    const tags = [EPOCH, ...parts.tags()];

    await Promise.all([keep(lasting('view|/1')), keep(lasting('view|/2'))]);
    const ofTwo = open.mock.calls.map(([{ keyText }, of, ttlMs]) => [keyText, of, ttlMs]);
    open.mockClear();
    await keep(lasting('view|/3'));

    expect(ofTwo).toContainEqual(['view|/1', tags, 2 * (day + 60_000)]);
    expect(ofTwo).toContainEqual(['view|/2', tags, 2 * (day + 60_000)]);
    expect(open.mock.calls.map(([, of, ttlMs]) => [of, ttlMs])).toEqual([[tags, 2 * (day + 60_000)]]);
  });
});

describe('an invalidation while the method runs', () => {
  it('keeps the overtaken value from being served later', async () => {
    const run = deferred<Produced<string>>();
    const reader = get(() => run.promise);
    await turn();

    await engine.invalidate([course]);
    run.resolve(produced('before the write'));

    expect(await reader).toBe('before the write');
    expect(await get(() => Promise.resolve(produced('after the write')))).toBe('after the write');
  });

  it.each([course, EPOCH])('keeps later callers from joining the doomed run: %s', async (tag) => {
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise);
    await turn();
    await engine.invalidate([tag]);

    const late = get(() => Promise.resolve(produced('after the write')));

    expect(await late).toBe('after the write');
    run.resolve(produced('before the write'));
    expect(await early).toBe('before the write');
    expect(await get(() => Promise.reject(new Error('must not run')))).toBe('after the write');
  });

  it('keeps later callers from joining a run of which only the result names the tag', async () => {
    const named = new Subject({ ...parts, furtherTags: { mayBeNamed: true } });
    const roster = plainTag('roster:PROG-101');
    engine.watchFamilies([roster]);
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, named);
    await turn();
    await engine.invalidate([roster]);

    expect(await get(() => Promise.resolve(produced('new', [roster])), named)).toBe('new');
    run.resolve(produced('old', [roster]));
    await early;

    expect(await get(() => Promise.reject(new Error('must not run')), named)).toBe('new');
  });
});

describe('a run that the store could not vouch for', () => {
  it('is joined by nobody once the store answers again', async () => {
    store.fail('open');
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise);
    await turn();
    expect(store.calls('open')).toBe(1);
    store.restore();
    await new CacheEngine({ ...inOneOfManyProcesses(), store }).invalidate([course]);

    expect(await get(() => Promise.resolve(produced('after the write')))).toBe('after the write');
    run.resolve(produced('before the write'));
    expect(await early).toBe('before the write');
  });

  it('is joined by nobody where the store gave no token of what it depends on', async () => {
    giveNoTokenOf(course);
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise);
    await turn();
    await new CacheEngine({ ...inOneOfManyProcesses(), store }).invalidate([course]);

    const late = get(() => Promise.resolve(produced('after the write')));
    await turn();
    run.resolve(produced('before the write'));

    expect(await early).toBe('before the write');
    expect(await late).toBe('after the write');
  });

  it('is neither stored nor said to be where the store gave no token of what it depends on', async () => {
    giveNoTokenOf(course);
    const load = () =>
      engine.load(
        subject,
        engine.newBudget(),
        () => Promise.resolve(produced('value')),
        () => 'found',
      );

    expect(await load()).toMatchObject({ value: 'value', isStored: false, notStoredBecause: 'no-token' });
    await engine.background.settle();
    expect(store.calls('write')).toBe(0);
    expect(events.map(({ event }) => event)).not.toContain('cache.stored');
  });

  it('is not served to a program that knows a further tag', async () => {
    await get(() => Promise.resolve(produced('old')));

    startAnew();
    const wiser = new Subject({ ...parts, tags: () => [...parts.tags(), plainTag('roster:PROG-101')] });
    expect(await get(() => Promise.resolve(produced('new')), wiser)).toBe('new');
  });
});

describe('another process that invalidates while the method runs here', () => {
  it('keeps later callers here from joining the run', async () => {
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise);
    await turn();
    await new CacheEngine({ ...inOneOfManyProcesses(), store }).invalidate([course]);

    const late = [1, 2, 3].map(() => get(() => Promise.resolve(produced('after the write'))));

    expect(await Promise.all(late)).toEqual(Array(3).fill('after the write'));
    run.resolve(produced('before the write'));
    expect(await early).toBe('before the write');
  });

  it('keeps from those who joined a run what it gives, where only that names the tag', async () => {
    const named = new Subject({ ...parts, furtherTags: { mayBeNamed: true } });
    const roster = plainTag('roster:PROG-101');
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, named);
    await turn();
    const late = get(() => Promise.resolve(produced('after the write', [roster])), named);
    await turn();
    await new CacheEngine({ ...inOneOfManyProcesses(), store }).invalidate([roster]);
    run.resolve(produced('before the write', [roster]));

    // Nobody here had heard of that family, so who joined must not be given what the store cannot vouch for.
    expect(await early).toBe('before the write');
    expect(await late).toBe('after the write');
  });

  it.each([
    ['here', () => engine],
    ['there', () => new CacheEngine({ ...inOneOfManyProcesses(), store })],
  ])(
    'leaves a run whose result names tags of other families to everyone: invalidated %s',
    async (_, writer) => {
      const roster = plainTag('roster:PROG-101');
      const student = plainTag('student:STU001');
      const named = new Subject({
        ...parts,
        furtherTags: { mayBeNamed: true, families: [plainTag('roster')] },
      });
      engine.watchFamilies([roster, student]);
      const run = deferred<Produced<string>>();
      const factory = jest.fn(() => run.promise);
      const early = get(factory, named);
      await turn();
      await writer().invalidate([student]);

      const late = get(factory, named);
      await turn();
      run.resolve(produced('shared', [roster]));

      expect(await Promise.all([early, late])).toEqual(['shared', 'shared']);
      expect(factory).toHaveBeenCalledTimes(1);
    },
  );

  it('leaves a run that depends on something else to everyone', async () => {
    const run = deferred<Produced<string>>();
    const factory = jest.fn(() => run.promise);
    const early = get(factory);
    await turn();
    await new CacheEngine({ ...inOneOfManyProcesses(), store }).invalidate([plainTag('course:OTHER')]);

    const late = get(factory);
    await turn();
    run.resolve(produced('shared'));

    expect(await Promise.all([early, late])).toEqual(['shared', 'shared']);
    expect(factory).toHaveBeenCalledTimes(1);
  });
});

describe('tags that only the result names', () => {
  const named = new Subject({ ...parts, furtherTags: { mayBeNamed: true } });
  const roster = plainTag('roster:PROG-101');

  it('invalidate the entry like any other', async () => {
    engine.watchFamilies([roster]);
    await get(() => Promise.resolve(produced('old', [roster])), named);

    await engine.invalidate([roster]);

    expect(await get(() => Promise.resolve(produced('new', [roster])), named)).toBe('new');
  });

  it('are read in time that the entry loses of its life', async () => {
    store.delay(500, 'tokens');
    const done = get(() => Promise.resolve(produced('until the deadline', [roster])), named);
    for (let n = 0; n < 10 && store.calls('tokens') === 0; n++) await turn();
    clock.advance(500);
    await done;

    const stored = events.find(({ event }) => event === 'cache.stored');
    expect(stored).toMatchObject({ ttlMs: 59_500 });
  });

  it('leave the entry unstored where the store gives no token for one of them', async () => {
    giveNoTokenOf(roster);
    await get(() => Promise.resolve(produced('old', [roster])), named);
    expect(events).toContainEqual(expect.objectContaining({ event: 'cache.no_store', reason: 'no-token' }));

    await engine.invalidate([roster]);

    expect(await get(() => Promise.resolve(produced('new', [roster])), named)).toBe('new');
  });

  it('need no announcement of their family', async () => {
    await get(() => Promise.resolve(produced('first', [roster])), named);

    expect(await get(() => Promise.reject(new Error('must not run')), named)).toBe('first');
    await engine.invalidate([roster]);
    expect(await get(() => Promise.resolve(produced('second', [roster])), named)).toBe('second');
  });

  it.each([true, false])(
    'leave the entry unstored when one of them is invalidated during the run; family announced: %p',
    async (isAnnounced) => {
      if (isAnnounced) engine.watchFamilies([roster]);
      const run = deferred<Produced<string>>();
      const early = get(() => run.promise, named);
      await turn();
      await engine.invalidate([roster]);
      run.resolve(produced('old', [roster]));

      await early;

      expect(await get(() => Promise.resolve(produced('new', [roster])), named)).toBe('new');
    },
  );

  it('leave the entry unstored when one is read after an invalidation, and its family on another server before', async () => {
    engine.watchFamilies([roster]);
    const other = new CacheEngine({ ...inOneOfManyProcesses(), store });
    const open = store.open.bind(store);
    store.open = async (name, tags, ...limits) => {
      if (!tags.includes(roster)) return open(name, tags, ...limits);
      const witnesses = await open(name, tags.slice(1), ...limits);
      await other.invalidate([roster]);
      const named = await open(name, [roster], ...limits);
      return { ...named, tokens: [...named.tokens, ...witnesses.tokens] };
    };

    await get(() => Promise.resolve(produced('old', [roster])), named);

    expect(await get(() => Promise.resolve(produced('new', [roster])), named)).toBe('new');
  });

  it('keep no entry from being stored that names none of them, whichever is invalidated during the run', async () => {
    engine.watchFamilies([roster]);
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, named);
    await turn();
    await engine.invalidate([roster]);
    run.resolve(produced('kept'));

    await early;

    expect(await get(() => Promise.reject(new Error('must not run')), named)).toBe('kept');
  });

  it('are seen by who joined a run that began before it was known that there are any', async () => {
    const furtherTags = { mayBeNamed: false };
    const of = new Subject({ ...parts, furtherTags });
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, of);
    await turn();
    const other = new CacheEngine({ ...inOneOfManyProcesses(), store });
    await other.invalidate([roster]);
    const late = get(() => Promise.resolve(produced('new', [roster])), of);
    await turn();
    furtherTags.mayBeNamed = true;
    run.resolve(produced('old', [roster]));

    expect([await early, await late]).toEqual(['old', 'new']);
  });

  it('are to be feared also of a result that is not to be kept, and so names none', async () => {
    const unkept = (value: string): Produced<string> => ({
      value,
      isShareable: true,
      notStoredBecause: 'unless',
    });
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, named);
    await turn();
    const other = new CacheEngine({ ...inOneOfManyProcesses(), store });
    await other.invalidate([roster]);
    const late = get(() => Promise.resolve(unkept('new')), named);
    await turn();
    run.resolve(unkept('old'));

    expect([await early, await late]).toEqual(['old', 'new']);
  });

  it('are not disturbed by invalidations of other families', async () => {
    engine.watchFamilies([roster]);
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, named);
    await turn();
    const other = new CacheEngine({ ...inOneOfManyProcesses(), store });
    await other.invalidate([plainTag('activity:1')]);
    run.resolve(produced('kept', [roster]));

    await early;

    expect(await get(() => Promise.reject(new Error('must not run')), named)).toBe('kept');
  });

  it.each([
    ['plain', roster],
    ['those of a prefix', prefixTag('other', ['7'])],
  ])('are seen by this process when another invalidates them during the run: %s', async (_, tag) => {
    engine.watchFamilies([roster]);
    const run = deferred<Produced<string>>();
    const early = get(() => run.promise, named);
    await turn();
    const other = new CacheEngine({ ...inOneOfManyProcesses(), store });
    await other.invalidate([tag]);
    run.resolve(produced('old', [tag]));

    await early;

    expect(await get(() => Promise.resolve(produced('new', [tag])), named)).toBe('new');
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'cache.no_store', reason: 'newer-write' }),
    );
  });
});

describe('a hundred callers of a cold key', () => {
  it('cost one run', async () => {
    const run = deferred<Produced<string>>();
    const factory = jest.fn(() => run.promise);

    const callers = Array.from({ length: 100 }, () => get(factory));
    await turn();
    run.resolve(produced('shared'));

    expect(new Set(await Promise.all(callers))).toEqual(new Set(['shared']));
    expect(factory).toHaveBeenCalledTimes(1);
  });

  it('all see the error of that one run, and the next caller runs again', async () => {
    const run = deferred<Produced<string>>();
    const factory = jest.fn(() => run.promise);

    const callers = Promise.allSettled(Array.from({ length: 100 }, () => get(factory)));
    await turn();
    run.reject(new Error('no'));

    expect((await callers).every((outcome) => outcome.status === 'rejected')).toBe(true);
    expect(factory).toHaveBeenCalledTimes(1);
    expect(await get(() => Promise.resolve(produced('again')))).toBe('again');
  });

  it('run for themselves when the answer belongs to one response only', async () => {
    const run = deferred();
    const factory = jest.fn(async (): Promise<Produced<string>> => {
      await run.promise;
      return { value: 'own', isShareable: false };
    });

    const callers = [get(factory), get(factory), get(factory)];
    await turn();
    run.resolve();
    await Promise.all(callers);

    expect(factory).toHaveBeenCalledTimes(3);
  });
});

describe('a store that is away', () => {
  it('costs a request its budget once, and then nothing more', async () => {
    store.fail('read', 'open', 'write', 'invalidate');

    expect(await get(() => Promise.resolve(produced('from the source')))).toBe('from the source');
    expect([store.calls('read'), store.calls('open'), store.calls('write')]).toEqual([1, 0, 0]);
    expect(await engine.invalidate([course])).toBe(false);
  });

  it('is not asked to invalidate nothing, and so has confirmed it', async () => {
    store.fail();

    expect(await engine.invalidate([])).toBe(true);
    expect(store.calls('invalidate')).toBe(0);
  });
});

describe('whoever watches', () => {
  const eager = new Subject({ ...parts, policy: defaultPolicy });

  it('hears of an entry that was replaced before it expired', async () => {
    await get(() => Promise.resolve(produced('first')), eager);

    engine.refresh(eager, () => Promise.resolve(produced('too early')));
    await engine.background.settle();
    clock.advance(55_000);
    engine.refresh(eager, () => Promise.resolve(produced('second')));
    await engine.background.settle();

    expect(events.filter(({ event }) => event === 'cache.refreshed')).toHaveLength(1);
    expect(await get(() => Promise.reject(new Error('not asked')), eager)).toBe('second');
  });

  it('hears of no replacement where the run gave nothing to keep', async () => {
    await get(() => Promise.resolve(produced('first')), eager);
    clock.advance(55_000);
    const unkept = { value: 'second', isShareable: true, notStoredBecause: 'unless' } as const;

    engine.refresh(eager, () => Promise.resolve(unkept));
    await engine.background.settle();

    expect(events.filter(({ event }) => event === 'cache.refreshed')).toEqual([]);
  });

  it('hears of a lookup that found only what is stale as of any miss', async () => {
    const lenient = new Subject({ ...parts, policy: { ...defaultPolicy, graceMs: 60_000 } });
    await get(() => Promise.resolve(produced('first')), lenient);
    clock.advance(61_000);

    expect((await engine.lookup(lenient, engine.newBudget())).state).toBe('stale');

    expect(events.at(-1)?.event).toBe('cache.miss');
  });

  it('may put a span around each run and each invalidation', async () => {
    const seen: string[] = [];
    const tracer: Tracer = {
      load: (prefix, reason, run) => {
        seen.push(`load ${prefix} ${reason}`);
        return run();
      },
      invalidate: (tags, run) => {
        seen.push(`invalidate ${tags.join()}`);
        return run();
      },
    };
    engine = new CacheEngine({ ...inOneOfManyProcesses(), store, tracer });

    await get(() => Promise.resolve(produced('first')));
    await get(() => Promise.reject(new Error('a hit')));
    await engine.invalidate([course]);

    expect(seen).toEqual(['load view miss', `invalidate ${course}`]);
  });
});
