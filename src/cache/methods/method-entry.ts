import type { CachedDefinition } from '../definition/cached-definition.js';
import { decide, produced, type StoreRules } from '../definition/store-decision.js';
import { dependencies } from '../definition/tag-rules.js';
import { fromArguments, literal } from '../definition/tag-template.js';
import { methodKeyText } from '../engine/cache-key.js';
import type { EntryPolicy } from '../engine/entry-policy.js';
import type { Produced, Revive } from '../engine/factory.js';
import { Subject } from '../engine/subject.js';
import { prefixTags, UNLISTED } from '../engine/tags.js';
import { decodeValue, encodeValue, VALUE_FORM } from '../engine/value-codec.js';

/** What a run gave: the stored text of its value; the value itself, if it has no stored form; or an exception. */
export type MethodResult =
  | { readonly text: string }
  | { readonly raw: unknown }
  | { readonly thrown: unknown };

/**
 * What a call of a provider's method asks the engine for.
 *
 * @param keyName   the method's name in the key, with that of the object's own class: subclasses keep values of their own
 * @param isListed  whether covers name the method
 * @throws where an argument has no form that a key could hold, or that a tag needs
 */
export function methodSubject(
  { prefix, shape, rules }: CachedDefinition,
  policy: EntryPolicy,
  keyName: string,
  args: unknown[],
  isListed: boolean,
): Subject {
  const named = dependencies(rules, fromArguments(args));
  return new Subject({
    prefix,
    keyText: methodKeyText(prefix, keyName, args),
    shape: [VALUE_FORM, shape, rules.signature].join(' '),
    policy,
    furtherTags: { mayBeNamed: rules.functions.length > 0, families: rules.families },
    tags: () => [...prefixTags(prefix, leadingIds(args)), ...named, ...(isListed ? [] : [UNLISTED])],
  });
}

/** The arguments before the first that is no scalar: patterns such as `prefix:a:b:*` can name these. */
function leadingIds(args: readonly unknown[]): string[] {
  const ids = args.map(literal);
  const end = ids.indexOf(undefined);
  return (end === -1 ? ids : ids.slice(0, end)) as string[];
}

/** Makes the value text. If it has no stored form the value itself is given, and to its own caller only. */
export function producedValue(
  said: StoreRules,
  args: readonly unknown[],
  result: unknown,
): Produced<MethodResult> {
  let text: string;
  try {
    text = encodeValue(result);
  } catch (error) {
    return {
      value: { raw: result },
      isShareable: false,
      notStoredBecause: 'unserialisable',
      failedBy: error,
    };
  }
  return produced<MethodResult>(decide(said, { args, result }), { text }, { body: Buffer.from(text) });
}

export const revive: Revive<MethodResult> = (entry) => ({ text: entry.text ?? entry.body.toString() });

/**
 * @returns `undefined` for a text that {@link encodeValue} did not write
 * @throws the exception that stands in the value's place
 */
export function decoded(kept: MethodResult): { readonly value: unknown } | undefined {
  if ('thrown' in kept) throw kept.thrown;
  if ('raw' in kept) return { value: kept.raw };
  try {
    return { value: decodeValue(kept.text) };
  } catch {
    return undefined;
  }
}
