import { asking, type Ask } from './ask.js';
import { Audits } from './audits.js';
import { Budget } from './budget.js';
import { Bulkhead } from './bulkhead.js';
import { Coherence } from './coherence.js';
import type { EngineOptions } from './engine-options.js';
import { EntryStore } from './entry-store.js';
import { EntryWriter } from './entry-writer.js';
import { Lookups } from './lookups.js';
import { SharedRuns, type SharedRunsOptions } from './shared-runs.js';
import { FactoryRunner } from './factory-runner.js';
import { HitForMiss } from './hit-for-miss.js';
import { RunOpener } from './run-opener.js';
import { RefreshAhead } from './refresh-ahead.js';
import { RetryPauses } from './retry-pauses.js';
import { RunOrder } from './run-order.js';
import type { Store } from './store.js';

/** The parts of an engine that has a store. */
export interface EngineParts {
  readonly entries: EntryStore;
  readonly ask: Ask;
  readonly lookups: Lookups;
  readonly factoryRunner: FactoryRunner;
  readonly sharedRuns: SharedRuns;
  readonly refreshAhead: RefreshAhead;
  readonly retryPauses: RetryPauses;
  readonly bulkhead: Bulkhead;
  readonly audits: Audits;
}

/** Makes these parts, and joins them. */
export function engineParts(
  store: Store,
  options: EngineOptions,
  { flights, families, background }: Pick<SharedRunsOptions, 'flights' | 'families' | 'background'>,
): EngineParts {
  const { l1, backplane, clock, emit, jitter, requestBudgetMs, tracer } = options;
  const coherence = new Coherence(clock, backplane, !store.isShared && !backplane);
  backplane?.listen({
    onInvalidated: (tags) => {
      flights.overtake(tags);
    },
    onGap: () => undefined,
  });
  const jittered = (ttlMs: number) => Math.max(1, Math.round(ttlMs * (1 - jitter * Math.random())));
  const writer = new EntryWriter({ store, l1, clock, emit, jittered });
  const entries = new EntryStore({ store, l1, coherence, writer, clock, emit });
  const newBudget = () => new Budget(clock, requestBudgetMs);
  const ask = asking(entries, emit);
  const bulkhead = new Bulkhead(clock, options.bulkhead);
  const hitForMiss = new HitForMiss(clock);
  const opener = new RunOpener({ store, ask, hitForMiss, clock, newBudget, emit });
  const factoryRunner = new FactoryRunner({ bulkhead, flights, clock, emit, tracer });
  const retryPauses = new RetryPauses(clock);
  const sharedRuns = new SharedRuns({
    entries,
    writer,
    opener,
    ask,
    clock,
    emit,
    factoryRunner,
    flights,
    families,
    hitForMiss,
    runOrder: new RunOrder(),
    bulkhead,
    retryPauses,
    background,
  });
  const refreshAhead = new RefreshAhead({
    opener,
    sharedRuns,
    families,
    retryPauses,
    clock,
    emit,
    newBudget,
    background,
  });
  const audits = new Audits({ rate: options.auditRate, ask, clock, emit, newBudget, background });
  const lookups = new Lookups({ entries, ask, refreshAhead, audits, clock, emit });
  return { entries, ask, lookups, factoryRunner, sharedRuns, refreshAhead, retryPauses, bulkhead, audits };
}
