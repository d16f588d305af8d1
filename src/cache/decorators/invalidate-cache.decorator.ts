import { markInvalidating, type InvalidatingDefinition } from './cached-definition.js';
import { tagRules, type AnyMethod, type TagSource } from './tag-rules.js';
import { methodName, wrapMethod } from './wrap-method.js';

/**
 * Makes everything that depends on the named tags or prefixes unusable, once the method has succeeded and before its
 * answer leaves. So the method commits what it writes before it returns. If it threw, only what an outbox has seen it
 * commit is invalidated.
 *
 * @param pattern  one or more of: a tag (`course:{body.course_id}`), a prefix pattern (`student_risk:*`,
 *   `student_risk:{student_id}:*`), a function `(args, result) => tags`. On a route a name in braces is a declared
 *   parameter, `{body.x}` a field of the body; on a provider's method `{0}`, `{0.id}` count arguments. A template whose
 *   value is absent in a call names nothing.
 */
export function InvalidateCache<M extends AnyMethod>(
  pattern: TagSource<M> | readonly TagSource<M>[],
): MethodDecorator {
  return (target, name, descriptor) => {
    const method = methodName(target, name);
    const sources = (Array.isArray(pattern) ? pattern : [pattern]) as readonly TagSource[];
    const definition: InvalidatingDefinition = { method, rules: tagRules(sources, method) };
    const wrapper = wrapMethod(target, descriptor, (cache, call) =>
      cache.invalidating(definition, target.constructor, name, call),
    );
    markInvalidating(wrapper, definition);
  };
}
