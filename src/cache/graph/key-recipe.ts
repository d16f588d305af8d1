import type { CachedDefinition, DecoratedMethod } from '../definition/cached-definition.js';
import { isPersonal } from '../definition/scope.js';
import type { DeclaredInput } from '../http/declared-inputs.js';
import { isRoute } from '../http/route-metadata.js';

export interface KeyRecipe {
  readonly isRoute: boolean;
  /**
   * What the key is made of, for people: `student_risk|/api/v3/analytics/students/:student_id|{course_id, student_id}` for
   * a route, `price|Prices.price|arguments` for another method.
   */
  readonly key: string;
}

/** @param isInherited  whether other controllers inherit the same method */
export function keyRecipe(
  { method, paths: [path = ''], definition }: DecoratedMethod<CachedDefinition>,
  inputs: readonly DeclaredInput[],
  isInherited: boolean,
): KeyRecipe {
  const { prefix, scope, key } = definition;
  if (!isRoute(method)) return { isRoute: false, key: `${prefix}|${definition.methodName}|arguments` };
  const names = inputs.map(({ name }) => name).sort();
  const parts = [
    prefix,
    path,
    ...(key ? ['key(request)'] : []),
    ...(names.length > 0 ? [`{${names.join(', ')}}`] : []),
    ...(isInherited ? ['class'] : []),
    ...(isPersonal(scope) ? [scope] : []),
  ];
  return { isRoute: true, key: parts.join('|') };
}
