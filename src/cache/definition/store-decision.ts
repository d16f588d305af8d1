import { ignoringRejection } from '../engine/ignoring-rejection.js';
import type { Produced } from '../engine/factory.js';
import { resultDependencies, type TagRules } from './tag-rules.js';

/** What says for how long results are kept, which of them, and what they depend on. */
export interface StoreRules {
  ttlMs(result: unknown): number;
  unless?(result: unknown): boolean;
  readonly rules?: TagRules;
}

/** A call of the method as it was, before anything shaped its result. */
interface MadeCall {
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** Tags that its arguments name, beside those that were known before. */
  readonly argumentTags?: readonly string[];
}

/** What the decorator says of a call: for how long its result is good and what it depends on, or why it is not kept. */
export type StoreDecision = Pick<Produced<never>, 'isShareable' | 'notStoredBecause' | 'failedBy'> & {
  readonly entry?: { readonly ttlMs: number; readonly namedTags: readonly string[] };
};

/** What a run gave, with what the decorator says about storing it. */
export function produced<T>(
  { entry, ...told }: StoreDecision,
  value: T,
  kept: { readonly body: Buffer; readonly head?: Readonly<Record<string, string>> },
): Produced<T> {
  return entry ? { ...told, value, entry: { ...kept, ...entry } } : { ...told, value };
}

/**
 * What is said of a call. A function that throws costs the entry, not the answer.
 *
 * @param ttlMs  in place of what is said of results
 */
export function decide(
  said: StoreRules,
  { args, result, argumentTags: further = [] }: MadeCall,
  ttlMs?: number,
): StoreDecision {
  // Who joined a run that leaves no entry could ask only about what was known before the call.
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
