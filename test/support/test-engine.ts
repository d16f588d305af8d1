import type { Backplane, BackplaneListener } from '../../src/cache/engine/backplane.js';
import { CacheEngine, type EngineOptions } from '../../src/cache/engine/cache-engine.js';
import type { CacheEvent } from '../../src/cache/engine/cache-events.js';
import { defaultPolicy, type EntryPolicy } from '../../src/cache/engine/entry-policy.js';
import { NearEntries } from '../../src/cache/engine/near-entries.js';
import { Subject, type Produced } from '../../src/cache/engine/subject.js';
import { plainTag, prefixTag } from '../../src/cache/engine/tags.js';
import { MemoryStore } from '../../src/cache/stores/memory.store.js';
import { FakeClock } from '../../src/cache/testing/index.js';

export const course = plainTag('course:PROG-101');

/** `view` of one course, with whatever a test wants to be special. */
export function aSubject(policy: Partial<EntryPolicy> = {}, keyText = 'view|/1'): Subject {
  return new Subject({
    prefix: 'view',
    keyText,
    shape: '',
    policy: { ...defaultPolicy, ...policy },
    hasResultTags: false,
    tags: () => [prefixTag('view'), course],
  });
}

/** A backplane that a test speaks through. */
export class SpokenBackplane implements Backplane {
  heardUntilMs = -Infinity;
  readonly #listeners: BackplaneListener[] = [];

  listen(listener: BackplaneListener): void {
    this.#listeners.push(listener);
  }

  say(tags: readonly string[]): void {
    for (const listener of this.#listeners) listener.onInvalidated(tags);
  }

  gap(): void {
    for (const listener of this.#listeners) listener.onGap();
  }
}

export interface TestEngine {
  readonly engine: CacheEngine;
  readonly backplane: SpokenBackplane;
  readonly events: CacheEvent[];
  /** What a caller is given, and how: by a look, or as `load` says. */
  get(subject: Subject, run: () => Promise<string>): Promise<{ value: string; how: string }>;
}

/** The store that the instances of one test share, in memory, on a clock that stands still. */
export function sharedStore(clock: FakeClock): MemoryStore {
  return new MemoryStore(clock, new NearEntries(clock, 10_000_000));
}

/** One process of several. */
export function testEngine(clock: FakeClock, options: Partial<EngineOptions> = {}): TestEngine {
  const events: CacheEvent[] = [];
  const backplane = new SpokenBackplane();
  const engine = new CacheEngine({
    store: sharedStore(clock),
    near: new NearEntries(clock, 10_000_000),
    backplane,
    clock,
    emit: (event) => events.push(event),
    requestBudgetMs: 50,
    invalidationBudgetMs: 150,
    jitter: 0,
    ...options,
  });
  const get: TestEngine['get'] = async (subject, run) => {
    const produce = async (): Promise<Produced<string>> => {
      const value = await run();
      return { value, isShareable: true, entry: { body: Buffer.from(value), ttlMs: 10_000, resultTags: [] } };
    };
    const revive = ({ body }: { body: Buffer }) => body.toString();
    const budget = engine.newBudget();
    const looked = engine.peek(subject) ?? (await engine.lookup(subject, budget));
    if (looked.state === 'hit') {
      if (looked.isDue) engine.refresh(subject, produce, revive);
      return { value: revive(looked.found.entry), how: 'hit' };
    }
    const stale = looked.state === 'stale' ? looked.found : undefined;
    return engine.load(subject, budget, produce, revive, stale);
  };
  return { engine, backplane, events, get };
}
