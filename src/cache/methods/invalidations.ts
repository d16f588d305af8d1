import { argumentsAsGiven } from '../definition/arguments-as-given.js';
import type { InvalidatingDefinition } from '../definition/cached-definition.js';
import { argumentTags, invalidatedByResult } from '../definition/tag-rules.js';
import type { Resolve } from '../definition/tag-template.js';
import { BackgroundWork, beforeTheEnd } from '../engine/background-work.js';
import { CacheEngine } from '../engine/cache-engine.js';
import { CurrentRun } from '../engine/current-run.js';
import { errorName } from '../engine/cache-errors.js';
import type { EmitCacheEvent } from '../engine/cache-events.js';
import type { Subject } from '../engine/subject.js';
import { EPOCH, softTag } from '../engine/tags.js';
import { announcePending } from '../http/invalidation-notice.js';
import type { Outbox } from '../outbox/outbox.js';
import { currentUnit, inUnit, UnitOfWork } from '../outbox/unit-of-work.js';
import { UnitSettlement } from '../outbox/unit-settlement.js';
import { resultOf, type MethodCall } from './method-call.js';

/** Runs methods under `@InvalidateCache`, each in a unit of work, and invalidates once that has committed. */
export class Invalidations {
  readonly #covers = new Map<InvalidatingDefinition, readonly string[]>();
  readonly #settlement: UnitSettlement;
  readonly #underWay = new BackgroundWork();

  constructor(
    private readonly engine: CacheEngine,
    private readonly outbox: Outbox | undefined,
    private readonly emit: EmitCacheEvent,
  ) {
    this.#settlement = new UnitSettlement({
      outbox,
      clock: engine.clock,
      invalidate: (tags) => engine.invalidate(tags),
      background: engine.background,
      onPending: announcePending,
    });
  }

  /** Whether the caller is inside a method that writes, and what is kept of `subject` may be older than its own writes. */
  readsPast(subject: Subject): boolean {
    return currentUnit((unit) => unit.origin.owner === this && unit.readsPast(subject)) !== undefined;
  }

  /**
   * The unit of work that an invalidation made here belongs to. Inside the run of a cached method only a unit that was begun
   * in that run counts: the run is shared, so what it invalidates must not wait for the end of one caller's unit.
   */
  get #unit(): UnitOfWork | undefined {
    const run = CurrentRun.around?.shared;
    return currentUnit(({ origin }) => origin.owner === this && origin.run === run);
  }

  /** Says at start which tags cover all that the method's functions could name. Unless that is said: everything. */
  setCover(definition: InvalidatingDefinition, tags: readonly string[]): void {
    this.#covers.set(definition, tags);
  }

  /**
   * Runs the method, then invalidates. Where it is not known exactly what, that is rather too much than too little. Inside
   * another such method it joins that one's unit of work: nothing is invalidated before the outermost has committed.
   *
   * @param resolve  gives the values of placeholders in this call
   */
  async invalidateAfter(
    definition: InvalidatingDefinition,
    resolve: Resolve,
    call: MethodCall,
  ): Promise<unknown> {
    const work = this.#runUnit(definition, resolve, call);
    this.#underWay.addUnheard(work);
    return work;
  }

  /** Waits for methods that are under way, for 5 s at most: what they have written is to be invalidated. */
  async close(): Promise<void> {
    await beforeTheEnd(this.engine.clock, this.#underWay.settle());
  }

  /** Invalidates now, or with the unit of work that this is called in. */
  async invalidate(tags: readonly string[]): Promise<boolean> {
    const unit = this.#unit;
    unit?.add(tags);
    // After the end of the outermost method it is not known whether one that is still inside will settle this.
    if (unit && !unit.hasOutermostEnded) return true;
    const isConfirmed = await this.#settlement.invalidate(tags);
    if (!isConfirmed) announcePending();
    return isConfirmed;
  }

  async #runUnit(
    definition: InvalidatingDefinition,
    resolve: Resolve,
    { args, run }: MethodCall,
  ): Promise<unknown> {
    const { methodName, rules, faults } = definition;
    // Those of a module that was loaded later did not stop the start.
    faults.refuse();
    const given = argumentsAsGiven(rules, args);
    const known = this.#exactTags(definition, () => argumentTags(rules, resolve));
    const outer = this.#unit;
    const cover = [...known, ...(this.#covers.get(definition) ?? [EPOCH])];
    const unit =
      outer ??
      new UnitOfWork(methodName, cover, {
        owner: this,
        outbox: this.outbox,
        run: CurrentRun.around?.shared,
        outer: currentUnit(),
      });
    outer?.enter(cover);
    const writtenBefore = unit.written;
    let hasSucceeded = false;
    this.#settlement.enter(unit, outer === undefined);
    try {
      const result = await inUnit(unit, () => resultOf(run));
      unit.add(known);
      unit.add(this.#exactTags(definition, () => invalidatedByResult(rules, given, result)));
      hasSucceeded = true;
      return result;
    } catch (error) {
      unit.addIfWritten(cover, writtenBefore);
      throw error;
    } finally {
      unit.exit();
      // A method that ends after the outermost one was not waited for, and settles for itself.
      if (!outer || unit.hasOutermostEnded) await this.#settlement.leave(unit);
      if (hasSucceeded && !outer && unit.tags.length === 0) await this.#settlement.awaitOthers(unit);
    }
  }

  #exactTags({ methodName, isSoft }: InvalidatingDefinition, name: () => readonly string[]): string[] {
    try {
      return name().map((tag) => (isSoft ? softTag(tag) : tag));
    } catch (error) {
      this.emit({ event: 'cache.rule_failed', method: methodName, reason: errorName(error), error });
      return [EPOCH];
    }
  }
}
