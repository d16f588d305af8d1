import { ignoringRejection } from '../engine/ignoring-rejection.js';
import type { Produced } from '../engine/factory.js';
import { resultDependencies, type TagRules } from './tag-rules.js';

/** Decides which results are kept, how long, and what they depend on. */
export interface StoreRules {
  ttlMs(result: unknown): number;
  unless?(result: unknown): boolean;
  readonly rules?: TagRules;
}

/** A call of the method, with its result before interceptors changed that. */
interface MadeCall {
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** Tags that its arguments name, beside those known before the call. */
  readonly argumentTags?: readonly string[];
}

/** What the decorator says of a call: how long its result is fresh and what it depends on, or why it is not kept. */
export type StoreDecision = Pick<Produced<never>, 'isShareable' | 'notStoredBecause' | 'failedBy'> & {
  readonly entry?: { readonly ttlMs: number; readonly namedTags: readonly string[] };
};

/** Joins what a run gave with the decision about storing it. */
export function produced<T>(
  { entry, ...told }: StoreDecision,
  value: T,
  kept: { readonly body: Buffer; readonly head?: Readonly<Record<string, string>> },
): Produced<T> {
  return entry ? { ...told, value, entry: { ...kept, ...entry } } : { ...told, value };
}

/**
 * Decides whether the result of a call is kept. If a function of the rules throws, the result is given but not kept.
 *
 * @param ttlMs  replaces the TTL and `unless` of the rules
 */
export function decide(
  said: StoreRules,
  { args, result, argumentTags: further = [] }: MadeCall,
  ttlMs?: number,
): StoreDecision {
  // Without an entry, those who joined know only the tags from before the call, and could not check any others.
  const isShareable = further.length === 0;
  try {
    if (ttlMs === undefined && ignoringRejection(said.unless?.(result)))
      return { isShareable, notStoredBecause: 'unless' };
    const livesMs = ttlMs ?? said.ttlMs(result);
    if (livesMs === 0) return { isShareable, notStoredBecause: 'no-ttl' };
    const named = said.rules ? resultDependencies(said.rules, args, result) : [];
    return { isShareable: true, entry: { ttlMs: livesMs, namedTags: [...further, ...named] } };
  } catch (error) {
    return { isShareable, notStoredBecause: 'rule-failed', failedBy: error };
  }
}
