import type { KeyInputs } from '../engine/cache-key.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import type { AnswerRules } from './answer-options.js';
import type { CacheRequest } from './cache-request.js';
import type { Faults } from './faults.js';
import type { Scope } from './scope.js';
import type { TagRules } from './tag-rules.js';

/** What a `@Cached` says: complete, and checked; what is wrong with it is in `faults`. */
export interface CachedDefinition {
  /** `Class.method`, for messages and keys. */
  readonly methodName: string;
  readonly prefix: string;
  readonly scope?: Scope;
  readonly key?: (request: CacheRequest) => KeyInputs;
  readonly shape: string;
  readonly rules: TagRules;
  /** What it says about keeping entries; the module adds the rest. */
  readonly policy: Partial<EntryPolicy>;
  readonly answers: AnswerRules;
  /** What of a result an audit compares; `true`: all of it; `false`: no audits. */
  readonly audit: boolean | ((result: unknown) => unknown);
  /** 0 if a function of the result decides. */
  readonly declaredTtlMs: number;
  /** 0 for a result that is not to be kept. */
  readonly ttlMs: (result: unknown) => number;
  readonly unless: (result: unknown) => boolean;
  /** What is wrong with the decorator by itself; the application does not start with any. */
  readonly faults: Faults;
}

/** What an `@InvalidateCache` says. */
export interface InvalidatingDefinition {
  readonly methodName: string;
  readonly rules: TagRules;
  readonly isSoft: boolean;
  readonly faults: Faults;
}

/** A decorated method and the class through which this application uses it. */
export interface DecoratedMethod<Definition> {
  readonly type: { readonly name: string };
  readonly name: string;
  readonly method: object;
  readonly definition: Definition;
  /** Paths of a route, from the root, such as `/api/v3/users/:id`; the first is the usual one. */
  readonly paths: readonly string[];
  /** Whether its provider is not request-scoped, so that no request can be injected into it. */
  readonly isStatic: boolean;
  /** Whether the application has no other object of the class, which might have been given something else. */
  readonly isAlone: boolean;
}

const CACHED = Symbol('cached');
const INVALIDATING = Symbol('invalidating');

export function markCached(method: object, definition: CachedDefinition): void {
  Reflect.defineMetadata(CACHED, definition, method);
}

export function cachedDefinition(method: object): CachedDefinition | undefined {
  return Reflect.getMetadata(CACHED, method) as CachedDefinition | undefined;
}

export function markInvalidating(method: object, definition: InvalidatingDefinition): void {
  Reflect.defineMetadata(INVALIDATING, definition, method);
}

export function invalidatingDefinition(method: object): InvalidatingDefinition | undefined {
  return Reflect.getMetadata(INVALIDATING, method) as InvalidatingDefinition | undefined;
}
