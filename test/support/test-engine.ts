import { CacheEngine } from '../../src/cache/engine/cache-engine.js';
import type { EngineOptions } from '../../src/cache/engine/engine-options.js';
import type { CacheEvent } from '../../src/cache/engine/cache-events.js';
import { defaultPolicy, type EntryPolicy } from '../../src/cache/engine/entry-policy.js';
import { L1Entries } from '../../src/cache/engine/l1-entries.js';
import type { Produced } from '../../src/cache/engine/factory.js';
import { Subject } from '../../src/cache/engine/subject.js';
import { plainTag, prefixTag } from '../../src/cache/engine/tags.js';
import { untraced } from '../../src/cache/engine/tracer.js';
import { simulateInstances, type FakeClock, type SimulatedInstance } from '../../src/cache/testing/index.js';
import { turn } from './deferred.js';

export const course = plainTag('course:PROG-101');

/** How long an engine waits, and for how many; nothing is left to chance, and nobody looks on. */
export const plainLimits = {
  enabled: true,
  requestBudgetMs: 50,
  invalidationBudgetMs: 150,
  bulkhead: { concurrency: 32, maxWaiting: 1000, maxWaitMs: 2000 },
  jitter: 0,
  auditRate: 0,
  tracer: untraced,
} satisfies Partial<EngineOptions>;

/** `view` of one course, with whatever a test wants to be special. */
export function aSubject(...special: Parameters<typeof subjectParts>): Subject {
  return new Subject(subjectParts(...special));
}

/** What {@link aSubject} is made of. */
export function subjectParts(policy: Partial<EntryPolicy> = {}, keyText = 'view|/1') {
  return {
    prefix: 'view',
    keyText,
    shape: '',
    policy: { ...defaultPolicy, ...policy },
    tags: () => [prefixTag('view'), course],
  };
}

/** One process's way to what all share; without a backplane it hears nothing of the others. */
type Way = Pick<EngineOptions, 'clock' | 'store'> & Partial<Pick<EngineOptions, 'backplane'>>;

export type TestEngine<W extends Way = SimulatedInstance> = W & {
  readonly engine: CacheEngine;
  readonly events: CacheEvent[];
  /** What a caller is given, and how. Default of `ttlMs`: 10 s. */
  get(
    subject: Subject,
    run: () => Promise<string>,
    resultTags?: string[],
    ttlMs?: number,
  ): Promise<{ value: string; how: string }>;
};

/** The engine of one process of several. */
export function testEngine<W extends Way>(way: W, options: Partial<EngineOptions> = {}): TestEngine<W> {
  const events: CacheEvent[] = [];
  const engine = new CacheEngine({
    backplane: undefined,
    ...way,
    l1: new L1Entries(way.clock, 10_000_000),
    emit: (event) => events.push(event),
    ...plainLimits,
    ...options,
  });
  const get: TestEngine['get'] = (subject, run, resultTags = [], ttlMs = 10_000) => {
    const factory = async (): Promise<Produced<string>> => {
      const value = await run();
      return {
        value,
        isShareable: true,
        entry: { body: Buffer.from(value), ttlMs, namedTags: resultTags },
      };
    };
    const revive = ({ body }: { body: Buffer }) => body.toString();
    return engine.getOrSet(subject, factory, revive);
  };
  return { ...way, engine, events, get };
}

/** Two processes that share a store, and a third that a test makes of what it needs. */
export function testEngines(clock: FakeClock): {
  here: TestEngine;
  there: TestEngine;
  third: SimulatedInstance;
} {
  const [first, second, third] = simulateInstances(3, clock) as [
    SimulatedInstance,
    SimulatedInstance,
    SimulatedInstance,
  ];
  return { here: testEngine(first), there: testEngine(second), third };
}

/** What no caller may need to run. */
export const never = (): Promise<never> => Promise.reject(new Error('must not run'));
export const gives = (value: string) => () => Promise.resolve(value);

/** Time passes in steps shorter than any budget, and everybody does what they do then. */
export async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10);
    await turn();
  }
}
