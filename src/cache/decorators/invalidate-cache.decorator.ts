import {
  invalidatingDefinition,
  markInvalidating,
  type InvalidatingDefinition,
} from '../definition/cached-definition.js';
import { Faults } from '../definition/faults.js';
import { checkKinds, checkNames, type OptionNames } from '../definition/option-names.js';
import { tagRules, type AnyMethod, type TagSource } from '../definition/tag-rules.js';
import { fromArguments } from '../definition/tag-template.js';
import { fromRouteArguments } from '../http/route-placeholders.js';
import type { DecoratorOf } from './decorator-of.js';
import { decoratedName, isGenerator, wrapMethod } from './wrap-method.js';

/** Options of {@link InvalidateCache}, in place of patterns alone. */
export interface InvalidateCacheOptions<M extends AnyMethod = AnyMethod> {
  /** What the method invalidates: see {@link InvalidateCache}. */
  tags: TagSource<M> | readonly TagSource<M>[];
  /**
   * The families of the tags that functions name, such as `course`. With them less is invalidated if the process dies between
   * commit and invalidation, before the functions were called. A tag of another family counts as if the function had thrown.
   * Default: any family.
   */
  families?: readonly string[];
  /**
   * Whether the invalidation is soft: a method with `minFresh` may still serve its older answer until that is so old. For
   * writes that come faster than answers can be computed. Default false: nobody is given the older answer.
   */
  soft?: boolean;
}

const optionNames: OptionNames<InvalidateCacheOptions> = { tags: true, families: true, soft: true };

/**
 * Invalidates everything that depends on the named tags or prefixes, after the method has succeeded and before its answer
 * leaves. So the method must commit what it writes before it returns. If it throws, its tags are invalidated only if it may
 * have committed something: an outbox knows that; without one they always are.
 *
 * @param pattern  one or more of: a tag (`course:{body.course_id}`), a prefix pattern (`student_risk:*`,
 *   `student_risk:{student_id}:*`), a function `(args, result) => patterns`. On a route a name in braces is a declared
 *   parameter, `{body.x}` a field of the body; on a provider's method `{0}`, `{0.id}` count arguments. If a value is absent in
 *   a call, a tag names nothing, and a prefix pattern all that stands before the value. Or {@link InvalidateCacheOptions}
 * @throws {CacheBootError} when the application starts, for all that is wrong with any decorator: see docs/errors.md
 */
export function InvalidateCache<M extends AnyMethod = AnyMethod>(
  pattern: InvalidateCacheOptions<M>['tags'] | InvalidateCacheOptions<M>,
): DecoratorOf<M> {
  return (target: object, name: string | symbol, descriptor: PropertyDescriptor) => {
    const where = decoratedName(target, name, descriptor);
    const options = optionsOf(pattern);
    const { tags, families, soft = false } = options;
    const faults = new Faults();
    faults.attempt(() => {
      checkNames(options, optionNames, where);
      checkKinds(options, { soft: 'true or false' }, where);
    });
    if (Array.isArray(tags) && tags.length === 0)
      faults.add('CACHE_INVALID_OPTIONS', `${where}: @InvalidateCache names nothing.`);
    const rules = tagRules(tags as TagSource | readonly TagSource[], families, where, faults);
    if (invalidatingDefinition(descriptor.value as object)) {
      faults.add('CACHE_INVALID_OPTIONS', `${where} has two @InvalidateCache. One takes all the patterns.`);
    }
    if (isGenerator(descriptor.value as object)) {
      faults.add(
        'CACHE_INVALID_OPTIONS',
        `${where} is a generator, which writes while somebody takes what it gives: nobody knows when it is done. Put ` +
          '@InvalidateCache on the method that takes it.',
      );
    }
    const definition: InvalidatingDefinition = { methodName: where, rules, isSoft: soft, faults };
    const wrapper = wrapMethod(target, descriptor, (cache, call) => {
      const resolve = cache.isRoute(definition, call.wrapper)
        ? fromRouteArguments(target.constructor, name, call.args)
        : fromArguments(call.args);
      return cache.invalidations.invalidateAfter(definition, resolve, call);
    });
    markInvalidating(wrapper, definition);
  };
}

function optionsOf<M extends AnyMethod>(
  pattern: InvalidateCacheOptions<M>['tags'] | InvalidateCacheOptions<M>,
): InvalidateCacheOptions<M> {
  // From JavaScript it may be null.
  const isWhole = typeof pattern === 'object' && (pattern as unknown) !== null && !Array.isArray(pattern);
  return (isWhole ? pattern : { tags: pattern }) as InvalidateCacheOptions<M>;
}
