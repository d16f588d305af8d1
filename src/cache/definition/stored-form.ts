import type { Produced } from '../engine/subject.js';
import type { CachedDefinition } from './cached-definition.js';
import { resultDependencies } from './tag-rules.js';

/** A call of the method as it was, before anything shaped its result. */
interface MadeCall {
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** Tags that its arguments name, beside those that were known before. */
  readonly argumentTags?: () => readonly string[];
}

/**
 * What a run gave, with what the decorator says about keeping it. A function of the decorator that throws costs the
 * entry, not the answer.
 *
 * @param value  what is given to everyone who waited
 * @param kept   the same as it is stored
 * @param ttlMs  in place of what the decorator says of results
 */
export function storedForm<T>(
  definition: CachedDefinition,
  { args, result, argumentTags }: MadeCall,
  value: T,
  kept: { readonly body: Buffer; readonly head?: Readonly<Record<string, string>> },
  ttlMs?: number,
): Produced<T> {
  let further: readonly string[];
  try {
    further = argumentTags?.() ?? [];
  } catch {
    return { value, isShareable: false, notStoredBecause: 'rule-failed' };
  }
  // Who joined a run that leaves no entry could ask only about what was known before the call.
  const isShareable = further.length === 0;
  try {
    if (ttlMs === undefined && definition.unless(result))
      return { value, isShareable, notStoredBecause: 'unless' };
    const livesMs = ttlMs ?? definition.ttlMs(result);
    if (livesMs === 0) return { value, isShareable, notStoredBecause: 'no-ttl' };
    const named = [...further, ...resultDependencies(definition.rules, args, result)];
    return { value, isShareable: true, entry: { ...kept, ttlMs: livesMs, resultTags: named } };
  } catch {
    return { value, isShareable, notStoredBecause: 'rule-failed' };
  }
}
