import type { Produced } from '../engine/subject.js';
import type { CachedDefinition } from './cached-definition.js';
import { resultTags } from './tag-rules.js';

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
  try {
    if (ttlMs === undefined && definition.unless(result))
      return { value, isShareable: true, notStoredBecause: 'unless' };
    const livesMs = ttlMs ?? definition.ttlMs(result);
    if (livesMs === 0) return { value, isShareable: true, notStoredBecause: 'no-ttl' };
    return {
      value,
      isShareable: true,
      entry: {
        ...kept,
        ttlMs: livesMs,
        resultTags: [...(argumentTags?.() ?? []), ...resultTags(definition.rules, args, result)],
      },
    };
  } catch {
    return { value, isShareable: true, notStoredBecause: 'rule-failed' };
  }
}
