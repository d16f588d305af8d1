import type { Produced } from '../engine/subject.js';
import type { CachedDefinition } from './cached-definition.js';
import { resultTags } from './tag-rules.js';

/**
 * What a run gave, with what the decorator says about keeping it. A function of the decorator that throws costs the
 * entry, not the answer.
 *
 * @param text  the result as it is kept and given to everyone who waited
 * @param etag  its validator, for HTTP answers
 */
export function storedForm<T>(
  definition: CachedDefinition,
  args: readonly unknown[],
  result: unknown,
  text: string,
  value: T,
  etag?: string,
): Produced<T> {
  try {
    if (definition.unless(result)) return { value, isShareable: true, notStoredBecause: 'unless' };
    const ttlMs = definition.ttlMs(result);
    return {
      value,
      isShareable: true,
      entry: {
        body: Buffer.from(text),
        ttlMs,
        resultTags: resultTags(definition.rules, args, result),
        ...(etag && { head: { etag } }),
      },
    };
  } catch {
    return { value, isShareable: true, notStoredBecause: 'rule-failed' };
  }
}
