import { argumentsAsGiven } from '../definition/arguments-as-given.js';
import type { CacheRequest } from '../definition/cache-request.js';
import { decide, type StoreDecision } from '../definition/store-decision.js';
import type { RoutePlan } from './route-plan.js';

/**
 * What the decorator says of one call of a handler. It is found out during the call: the handler may change its arguments
 * in place, and interceptors its result.
 */
export class ObservedCall {
  /** Whether the handler was called at all: a pipe may refuse the request, and an interceptor may answer it. */
  isReached = false;
  readonly #plan: RoutePlan;
  readonly #request: CacheRequest;
  readonly #known: readonly string[];
  #args: readonly unknown[] = [];
  /** Tags that the arguments name beside those known before; `undefined` if they cannot be named. */
  #argumentTags: readonly string[] | undefined;
  #failedBy: unknown;
  #decision: StoreDecision | undefined;

  /** @param known  the tags of the request as it came */
  constructor(plan: RoutePlan, request: CacheRequest, known: readonly string[]) {
    this.#plan = plan;
    this.#request = request;
    this.#known = known;
    if (!plan.tags.needsArguments) this.#argumentTags = [];
  }

  called(args: readonly unknown[]): void {
    this.isReached = true;
    this.#args = argumentsAsGiven(this.#plan.definition.rules, args);
    try {
      this.#argumentTags = this.#plan.tags.ofCall(this.#request, args, this.#known);
    } catch (error) {
      this.#argumentTags = undefined;
      this.#failedBy = error;
    }
  }

  /** Called with each value of an Observable. */
  returned(result: unknown): void {
    this.#decision = this.#decide(result);
  }

  /** Whether all that the call depends on was known before it. */
  get isAllKnown(): boolean {
    return this.#argumentTags?.length === 0;
  }

  get decision(): StoreDecision {
    return this.#decision ?? this.#decide(undefined);
  }

  /** @param ttlMs  for how long a failure is kept */
  decisionOnFailure(ttlMs: number | undefined): StoreDecision {
    return this.#decide(undefined, ttlMs);
  }

  #decide(result: unknown, ttlMs?: number): StoreDecision {
    if (!this.#argumentTags) {
      return { isShareable: false, notStoredBecause: 'rule-failed', failedBy: this.#failedBy };
    }
    const call = { args: this.#args, result, argumentTags: this.#argumentTags };
    return decide(this.#plan.definition, call, ttlMs);
  }
}
