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
import { resultOf, type MethodCall } from './method-call.js';
import { decoded, methodSubject, producedValue, revive, type MethodResult } from './method-entry.js';

/** Serves provider methods under `@Cached`: asks the engine for the value that belongs to their arguments. */
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

  /**
   * The methods that were found at start: covers name their prefixes. Entries of others, such as of modules loaded later,
   * depend on the tag `unlisted`, which covers name as well.
   */
  addListed(cached: readonly CachedDefinition[]): void {
    for (const definition of cached) this.#listed.add(definition);
  }

  /** Definitions of methods that were found to be routes at start. */
  addRoutes(definitions: readonly (CachedDefinition | InvalidatingDefinition)[]): void {
    for (const definition of definitions) this.#routes.add(definition);
  }

  /**
   * Whether the calls of a method come from HTTP.
   *
   * @param wrapper  the function that the decorator put in the method's place. If another decorator has put its own around
   *   it, only that one has a path
   */
  isRoute(definition: CachedDefinition | InvalidatingDefinition, wrapper: object): boolean {
    return this.#routes.has(definition) || isRoute(wrapper);
  }

  /**
   * The kept value of a provider's method, as a copy, or what it returns now.
   *
   * @param keyName  the method's name in its key
   */
  async cached(definition: CachedDefinition, keyName: string, { args, run }: MethodCall): Promise<unknown> {
    definition.faults.refuse();
    const isListed = this.#listed.has(definition);
    // It may be a route that was not found at start, whose arguments do not tell who asks.
    if (!isListed && isPersonal(definition.scope)) {
      this.#countBypass(definition, 'nobody-to-share-with');
      return resultOf(run);
    }
    const policy = this.#policyOf(definition);
    let subject: Subject;
    try {
      subject = methodSubject(definition, policy, keyName, args, isListed);
    } catch (error) {
      this.emit({
        event: 'cache.key_failed',
        method: definition.methodName,
        reason: errorName(error),
        error,
      });
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
    // This program has not written what is kept there, so it is replaced. The look-up was counted already.
    this.emit({ event: 'cache.decode_error', subject });
    return this.renewUncounted(subject, factory);
  }

  /** As {@link value}, for a caller who wants a new one, whatever is kept. */
  async renew(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    if (this.invalidations.readsPast(subject)) return this.#past(subject, factory);
    this.engine.skipLookup(subject);
    return this.renewUncounted(subject, factory);
  }

  /** As {@link renew}, for a caller whose look-up was counted already. */
  async renewUncounted(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    const budget = this.engine.newBudget();
    const { value } = await this.engine.renew(subject, budget, withClientErrors(subject, factory));
    return decoded(value)?.value;
  }

  async #past(subject: Subject, factory: Factory<MethodResult>): Promise<unknown> {
    return decoded(await this.engine.runPast(subject, factory))?.value;
  }

  #countBypass({ prefix, methodName }: CachedDefinition, reason: BypassReason): void {
    this.emit({ event: 'cache.bypass', prefix, method: methodName, reason });
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

/** Gives a client error like a result: it is no failure of the method, so no stale value may take its place. */
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
