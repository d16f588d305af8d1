import type { Bulkhead } from './bulkhead.js';
import { CacheError } from './cache-errors.js';
import type { EmitCacheEvent } from './cache-events.js';
import type { Clock } from './clock.js';
import { CurrentRun } from './current-run.js';
import { longestWaitMs } from './entry-policy.js';
import type { Flight, SingleFlight } from './single-flight.js';
import type { Factory, Produced } from './factory.js';
import type { Subject } from './subject.js';
import type { Tracer } from './tracer.js';

interface FactoryRunnerOptions {
  readonly bulkhead: Bulkhead;
  readonly flights: SingleFlight;
  readonly clock: Clock;
  readonly emit: EmitCacheEvent;
  readonly tracer: Tracer;
}

/** A run of the method, whoever gets what it gives. */
interface FactoryRun<T> {
  readonly subject: Subject;
  /** Is told when the method is called; absent for a run that nobody else may join. */
  readonly flight?: Flight<unknown>;
  readonly factory: Factory<T>;
  /** Whether it goes through the bulkhead. */
  readonly isBounded: boolean;
}

/** Calls the method itself. Each run is timed, traced and reported, and in the bulkhead where the store is away. */
export class FactoryRunner {
  readonly #options: FactoryRunnerOptions;

  constructor(options: FactoryRunnerOptions) {
    this.#options = options;
  }

  /** @throws {CacheError} `CACHE_OVERLOADED` if too many wait for the bulkhead; what `factory` throws */
  run<T>(run: FactoryRun<T>): Promise<[Produced<T>, loadMs: number]> {
    return run.isBounded ? this.#runBounded(run) : this.#run(run);
  }

  async #runBounded<T>(run: FactoryRun<T>): Promise<[Produced<T>, loadMs: number]> {
    const { bulkhead, emit } = this.#options;
    try {
      return await bulkhead.run(() => this.#run(run));
    } catch (error) {
      const isOverload = error instanceof CacheError && error.code === 'CACHE_OVERLOADED';
      if (isOverload) emit({ event: 'cache.overloaded', subject: run.subject });
      throw error;
    }
  }

  async #run<T>({ subject, flight, factory }: FactoryRun<T>): Promise<[Produced<T>, loadMs: number]> {
    const { clock, emit, tracer } = this.#options;
    const sinceMs = clock.monotonicMs();
    const cancel = flight && this.#noteCall(subject, flight, sinceMs);
    const produced = await tracer.load(subject.prefix, flight?.tokens ? 'miss' : 'bypass', () =>
      CurrentRun.make(
        { owner: this, keyText: subject.keyText, isShared: flight !== undefined },
        async (run) => {
          try {
            return withoutEntryIfSpoiled(await factory(), run);
          } finally {
            cancel?.();
            if (flight) {
              flight.isOwn = run.spoiledBy === 'in-transaction';
              flight.used = run.used;
            }
          }
        },
      ),
    );
    const loadMs = clock.monotonicMs() - sinceMs;
    const { notStoredBecause, failedBy, header, isRefused } = produced;
    if (!isRefused) emit({ event: 'cache.loaded', subject, durationMs: loadMs });
    if (notStoredBecause) {
      const why = { reason: notStoredBecause, error: failedBy, ...(header !== undefined && { header }) };
      emit({ event: 'cache.no_store', subject, ...why });
    }
    return [produced, loadMs];
  }

  /**
   * Notes when the method was called, and gives the flight up if it takes longer than anybody waits for a run: it may never
   * end.
   *
   * @returns a function to be called when it has ended
   */
  #noteCall(subject: Subject, flight: Flight<unknown>, atMs: number): () => void {
    const { clock, flights } = this.#options;
    flight.calledAtMs = atMs;
    return clock.schedule(longestWaitMs(subject.policy), () => {
      flights.giveUp(subject.keyText, flight);
    });
  }
}

function withoutEntryIfSpoiled<T>(produced: Produced<T>, { spoiledBy }: CurrentRun): Produced<T> {
  if (!spoiledBy) return produced;
  const { value, isShareable, isRefused } = produced;
  return {
    value,
    isShareable: isShareable && spoiledBy !== 'in-transaction',
    isRefused,
    notStoredBecause: spoiledBy,
  };
}
