import type { CacheRequest } from '../cache.options.js';
import type { KeyInputs } from '../engine/cache-key.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import type { TagRules } from './tag-rules.js';

/** What a `@Cached` says, checked and complete. */
export interface CachedDefinition {
  /** `Class.method`, for messages and keys. */
  readonly method: string;
  readonly prefix: string;
  readonly scope?: 'shared' | 'user' | 'tenant';
  readonly key?: (request: CacheRequest) => KeyInputs;
  readonly shape: string;
  readonly policy: EntryPolicy;
  readonly rules: TagRules;
  /** 0 where a function of the result decides. */
  readonly declaredTtlMs: number;
  readonly ttlMs: (result: unknown) => number;
  readonly unless: (result: unknown) => boolean;
}

/** What an `@InvalidateCache` says, checked. */
export interface InvalidatingDefinition {
  readonly method: string;
  readonly rules: TagRules;
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
