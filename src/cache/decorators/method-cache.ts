import { CacheEngine } from '../engine/cache-engine.js';
import type { EmitCacheEvent } from '../engine/cache-events.js';
import type { Clock } from '../engine/clock.js';
import { errorName } from '../engine/cache-errors.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import type { Factory } from '../engine/loads.js';
import type { Produced, Subject } from '../engine/subject.js';
import { EPOCH, softTag } from '../engine/tags.js';
import { decodeValue } from '../engine/value-codec.js';
import { fromRouteArguments } from '../http/declared-inputs.js';
import { isClientError } from '../http/client-error.js';
import { announcePending } from '../http/invalidation-notice.js';
import { isRoute } from '../http/route-metadata.js';
import type { Outbox } from '../outbox/outbox.js';
import { currentUnit, inUnit, UnitOfWork } from '../outbox/unit-of-work.js';
import { UnitSettlement } from '../outbox/unit-settlement.js';
import { auditedForm } from '../definition/audited-form.js';
import type { CachedDefinition, InvalidatingDefinition } from '../definition/cached-definition.js';
import { settled, type MethodCall } from './method-call.js';
import { methodSubject, producedValue, revive, valueOf, type KeptValue } from './method-entry.js';
import { argumentTags, resultTags } from '../definition/tag-rules.js';
import { fromArguments } from '../definition/tag-template.js';

/** What decorated methods call: the way from a method's arguments and result to the engine. */
export class MethodCache {
  readonly #covers = new Map<InvalidatingDefinition, readonly string[]>();
  readonly #listed = new Set<CachedDefinition>();
  readonly #routes = new Set<object>();
  readonly #settlement: UnitSettlement;
  readonly #policies = new WeakMap<CachedDefinition, EntryPolicy>();

  constructor(
    private readonly engine: CacheEngine,
    outbox: Outbox | undefined,
    readonly defaultPolicy: EntryPolicy,
    readonly emit: EmitCacheEvent,
    clock: Clock,
  ) {
    this.#settlement = new UnitSettlement({
      outbox,
      clock,
      invalidate: (tags) => engine.invalidate(tags),
      keep: (work) => {
        engine.keep(work);
      },
      onPending: announcePending,
    });
  }

  /** The methods that {@link cover} knows of. Entries of others, such as of modules loaded later, are `unlisted`. */
  list(cached: readonly CachedDefinition[]): void {
    for (const definition of cached) this.#listed.add(definition);
  }

  /** What is said of methods that were found to be routes at start. */
  listRoutes(definitions: readonly (CachedDefinition | InvalidatingDefinition)[]): void {
    for (const definition of definitions) this.#routes.add(definition);
  }

  /**
   * Whether the calls of a method come from HTTP.
   *
   * @param method  the function that the decorator put in its place; another decorator may have put its own around it,
   *   and then only that one has a path
   */
  isRoute(definition: CachedDefinition | InvalidatingDefinition, method: object): boolean {
    return this.#routes.has(definition) || isRoute(method);
  }

  /** What takes in all that the method's functions could name. Of a method that was not found at start: everything. */
  cover(definition: InvalidatingDefinition, tags: readonly string[]): void {
    this.#covers.set(definition, tags);
  }

  /**
   * The kept value of a provider's method, as a copy, or what it returns now.
   *
   * @param method  the method's name with that of the object's own class: subclasses keep values of their own
   */
  async cached(
    definition: CachedDefinition,
    method: string,
    args: unknown[],
    run: () => unknown,
  ): Promise<unknown> {
    definition.faults.refuse();
    const isListed = this.#listed.has(definition);
    // It may be a route that was not found at start: its arguments do not tell who asks.
    if (!isListed && (definition.scope === 'user' || definition.scope === 'tenant')) return settled(run);
    const policy = this.#policyOf(definition);
    const subject = methodSubject(definition, policy, method, args, isListed);
    if (!subject) return settled(run);
    const factory = async (): Promise<Produced<KeptValue>> => {
      try {
        return producedValue(definition, args, await settled(run));
      } catch (error) {
        if (policy.graceMs === 0 || !isClientError(error)) throw error;
        // Nothing stale may cover it.
        return { value: { thrown: error }, isShareable: true };
      }
    };
    return this.value(subject, factory);
  }

  /** The kept value, as a copy, or what `factory` gives. */
  async value(subject: Subject, factory: Factory<KeptValue>): Promise<unknown> {
    const kept = await this.engine.getOrSet(subject, factory, revive);
    const value = valueOf(kept);
    if (value) return value.decoded;
    // Nobody here has written that: it is a miss, and is replaced.
    this.emit({ event: 'cache.decode_error', subject });
    const renewed = await this.engine.renew(subject, this.engine.newBudget(), factory, revive);
    return valueOf(renewed.value)?.decoded;
  }

  /**
   * Runs the method, then invalidates. What cannot be told exactly is told too broadly, never too narrowly. Inside
   * another such method it joins that one's unit of work: nothing is invalidated before the outermost has committed.
   */
  async invalidating(
    definition: InvalidatingDefinition,
    controller: object,
    name: string | symbol,
    { method, args, run }: MethodCall,
  ): Promise<unknown> {
    const { rules, faults } = definition;
    // Of a module that was loaded later nobody has told.
    faults.refuse();
    const resolve = this.isRoute(definition, method)
      ? fromRouteArguments(controller, name, args)
      : fromArguments(args);
    const known = this.#exactTags(definition, () => argumentTags(rules, resolve));
    const outer = currentUnit();
    const cover = [...known, ...(this.#covers.get(definition) ?? [EPOCH])];
    const unit = outer ?? new UnitOfWork(definition.method, cover);
    outer?.widen(cover);
    const writtenBefore = unit.written;
    this.#settlement.enter(unit, outer === undefined);
    try {
      const result = await inUnit(unit, () => settled(run));
      unit.join(known);
      unit.join(this.#exactTags(definition, () => resultTags(rules, args, result)));
      if (!outer) await this.#settlement.leave(unit, unit.joined);
      return result;
    } catch (error) {
      // What was committed before it threw is changed all the same, and what may have been may be.
      if (unit.written > writtenBefore) unit.join(cover);
      if (!outer) await this.#settlement.leave(unit, unit.written > 0 ? unit.intent : unit.joined);
      throw error;
    }
  }

  /** Invalidates now, or with the unit of work that this is called in. */
  async invalidate(tags: readonly string[]): Promise<boolean> {
    const unit = currentUnit();
    if (unit) {
      unit.join(tags);
      return true;
    }
    const isConfirmed = await this.engine.invalidate(tags);
    if (!isConfirmed) announcePending();
    return isConfirmed;
  }

  #exactTags({ method, isSoft }: InvalidatingDefinition, name: () => readonly string[]): string[] {
    try {
      return name().map((tag) => (isSoft ? softTag(tag) : tag));
    } catch (error) {
      this.emit({ event: 'cache.rule_failed', method, reason: errorName(error) });
      return [EPOCH];
    }
  }

  #policyOf(definition: CachedDefinition): EntryPolicy {
    const known = this.#policies.get(definition);
    if (known) return known;
    const audited = auditedForm(definition.audit, decodeValue);
    const policy = { ...this.defaultPolicy, ...definition.policy, audited };
    this.#policies.set(definition, policy);
    return policy;
  }
}
