import { argumentsAsGiven } from '../definition/arguments-as-given.js';
import { auditedForm } from '../definition/audited-form.js';
import type { CachedDefinition, InvalidatingDefinition } from '../definition/cached-definition.js';
import { isPersonal } from '../definition/scope.js';
import { CacheEngine } from '../engine/cache-engine.js';
import { errorName } from '../engine/cache-errors.js';
import type { BypassReason, EmitCacheEvent } from '../engine/cache-events.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import type { Factory } from '../engine/factory.js';
import type { Subject } from '../engine/subject.js';
import { decodeValue } from '../engine/value-codec.js';
import { isClientError } from '../http/cache-failure.js';
import { isRoute } from '../http/route-metadata.js';
import type { Invalidations } from './invalidations.js';
import { resultOf } from './method-call.js';
import { decoded, methodSubject, producedValue, revive, type MethodResult } from './method-entry.js';

/** What decorated methods call: the way from a method's arguments and result to the engine. */
export class MethodCache {
  readonly #listed = new Set<CachedDefinition>();
  readonly #routes = new Set<object>();
  readonly #policies = new WeakMap<CachedDefinition, EntryPolicy>();

  constructor(
    private readonly engine: CacheEngine,
    readonly invalidations: Invalidations,
    readonly defaultPolicy: EntryPolicy,
    readonly emit: EmitCacheEvent,
  ) {}

  /** The methods that {@link Invalidations.setCover} was told of. Entries of others, such as of modules loaded later, are `unlisted`. */
  addListed(cached: readonly CachedDefinition[]): void {
    for (const definition of cached) this.#listed.add(definition);
  }

  /** What is said of methods that were found to be routes at start. */
  addRoutes(definitions: readonly (CachedDefinition | InvalidatingDefinition)[]): void {
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
    if (!isListed && isPersonal(definition.scope)) {
      this.#countBypass(definition, 'nobody-to-share-with');
      return resultOf(run);
    }
    const policy = this.#policyOf(definition);
    let subject: Subject;
    try {
      subject = methodSubject(definition, policy, method, args, isListed);
    } catch (error) {
      this.emit({ event: 'cache.key_failed', method: definition.method, reason: errorName(error), error });
      this.#countBypass(definition, 'no-key');
      return resultOf(run);
    }
    return this.value(subject, async () => {
      const given = argumentsAsGiven(definition.rules, args);
      return producedValue(definition, given, await resultOf(run));
    });
  }

  /** The kept value, as a copy, or what `factory` gives. */
  async value(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    if (this.invalidations.readsPast(subject)) return this.#past(subject, factory);
    const kept = await this.engine.getOrSet(subject, withClientErrors(subject, factory), revive);
    const value = decoded(kept.value);
    if (value) return value.value;
    // Nobody here has written that: it is replaced. The look-up has counted already.
    this.emit({ event: 'cache.decode_error', subject });
    return this.renewed(subject, factory);
  }

  /** As {@link value}, for a caller who wants it made now, whatever is kept. */
  async anew(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    if (this.invalidations.readsPast(subject)) return this.#past(subject, factory);
    // It counts as a look-up that found nothing, or could not be.
    if (!this.engine.renewal(subject)) await this.engine.lookup(subject, this.engine.newBudget());
    return this.renewed(subject, factory);
  }

  /** What `factory` gives now, whatever is kept. */
  async renewed(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    const budget = this.engine.newBudget();
    const { value } = await this.engine.renew(subject, budget, withClientErrors(subject, factory));
    return decoded(value)?.value;
  }

  async #past(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    return decoded(await this.engine.runPast(subject, factory))?.value;
  }

  #countBypass({ prefix, method }: CachedDefinition, reason: BypassReason): void {
    this.emit({ event: 'cache.bypass', prefix, method, reason });
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

/** What the client did wrong is given like a result: nothing stale may cover it, and the method has not failed. */
function withClientErrors({ policy }: Subject, factory: Factory<MethodResult>): Factory<MethodResult> {
  if (policy.graceMs === 0) return factory;
  return async () => {
    try {
      return await factory();
    } catch (error) {
      if (!isClientError(error)) throw error;
      return { value: { thrown: error }, isShareable: true };
    }
  };
}
