import { turn } from '../../../test/support/deferred.js';
import {
  aSubject,
  course,
  gives,
  pass,
  testEngines,
  type TestEngine,
} from '../../../test/support/test-engine.js';
import { FakeClock, type FaultyStore } from './index.js';

const subject = aSubject();

let clock: FakeClock;
let here: TestEngine;
let there: TestEngine;

beforeEach(() => {
  clock = new FakeClock();
  ({ here, there } = testEngines(clock));
});

/** What both hold is `value`. */
async function keep(value: string, of = subject): Promise<void> {
  await here.get(of, gives(value));
  await here.engine.background.settle();
  await there.get(of, gives('not asked'));
}

describe('a faulty store', () => {
  it('refuses what it fails at, and does all else', async () => {
    here.store.fail('write');

    await here.get(subject, gives('one'));
    await here.engine.background.settle();

    expect((await there.get(subject, gives('two'))).value).toBe('two');
    expect(here.events.map(({ event }) => event)).toContain('cache.set_error');
  });

  it('is away when it fails at everything, for its own instance only', () => {
    here.store.fail();

    expect([here.store.isAvailable(), there.store.isAvailable()]).toEqual([false, true]);
    here.store.restore();
    expect(here.store.isAvailable()).toBe(true);
  });

  it.each<[string, (store: FaultyStore) => void, happened: boolean]>([
    [
      'hangs',
      (store) => {
        store.hang('invalidate');
      },
      false,
    ],
    [
      'is slow',
      (store) => {
        store.delay(200, 'invalidate');
      },
      false,
    ],
    [
      'replies late',
      (store) => {
        store.replyLate(200, 'invalidate');
      },
      true,
    ],
  ])('that %s refuses in the caller’s time', async (_, make, happened) => {
    await keep('old');
    make(here.store);

    const invalidating = here.engine.invalidate([course]);
    await pass(clock, 150);

    expect(await invalidating).toBe(false);
    expect((await there.get(subject, gives('new'))).value).toBe(happened ? 'new' : 'old');
  });

  it('does what hung when it is thawed', async () => {
    await keep('old');
    here.store.hang('invalidate');
    const invalidating = here.engine.invalidate([course]);
    await pass(clock, 150);
    await invalidating;

    here.store.restore();
    await turn();

    expect((await there.get(subject, gives('new'))).value).toBe('new');
  });

  it('loses a write without a word', async () => {
    here.store.lose('write');
    await here.get(subject, gives('one'));
    await here.engine.background.settle();

    expect((await there.get(subject, gives('two'))).value).toBe('two');
    expect(here.events.map(({ event }) => event)).not.toContain('cache.set_error');
  });

  it('is not read where it owes an invalidation, and makes it up first', async () => {
    await keep('old');
    here.store.fail('invalidate');
    await here.engine.invalidate([course]);

    expect(await here.get(subject, gives('new'))).toMatchObject({ value: 'new', how: 'ran' });
    here.store.restore();
    await here.get(subject, gives('newer'));

    expect((await there.get(subject, gives('not asked'))).value).not.toBe('old');
  });
});

describe('a link', () => {
  const bounded = aSubject({ consistency: 'bounded' });

  beforeEach(async () => {
    await keep('old', bounded);
  });

  it('lets an instance hear of what another invalidates', async () => {
    await there.engine.invalidate([course]);

    expect((await here.get(bounded, gives('new'))).value).toBe('new');
  });

  it('that is silent leaves an instance with what it holds for a second', async () => {
    here.backplane.silence();
    await there.engine.invalidate([course]);

    clock.advance(999);
    expect((await here.get(bounded, gives('new'))).value).toBe('old');
    clock.advance(1);
    expect((await here.get(bounded, gives('new'))).value).toBe('new');
  });

  it('that is cut makes an instance ask', async () => {
    here.backplane.cut();
    await there.engine.invalidate([course]);

    expect((await here.get(bounded, gives('new'))).value).toBe('new');
  });

  it('that is late lets an instance hear late, and trust the less', async () => {
    here.backplane.delay(300);
    await there.engine.invalidate([course]);

    expect((await here.get(bounded, gives('new'))).value).toBe('old');
    clock.advance(300);
    expect((await here.get(bounded, gives('new'))).value).toBe('new');
    here.backplane.delay(1000);
    expect(here.engine.lookupHeld(bounded)).toBeUndefined();
  });

  it('tells that something may be missing when it is whole again', async () => {
    here.backplane.silence();
    await there.engine.invalidate([course]);

    here.backplane.restore();

    expect((await here.get(bounded, gives('new'))).value).toBe('new');
  });
});
