import { RouteParamtypes } from '@nestjs/common/internal';
import type { DecoratedMethod } from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import type { TagRules } from '../definition/tag-rules.js';
import { parameterTypes, routeArguments } from '../http/route-arguments.js';
import { isRoute } from '../http/route-metadata.js';
import { pathParameters } from '../http/route-paths.js';

/**
 * @param isName  whether a placeholder has a value in calls of the method
 * @param fault   what is wrong with one that has none, and what has one
 */
export function checkTemplates(
  { definition: { methodName, rules } }: DecoratedMethod<{ methodName: string; rules: TagRules }>,
  isName: (placeholder: string) => boolean,
  faults: Faults,
  fault: string,
): void {
  for (const template of rules.templates) {
    const text = template.toString();
    const asInPath = /::(\w+)/.exec(text)?.[1];
    if (asInPath !== undefined && isName(asInPath)) {
      const meant = text.replace(`::${asInPath}`, `:{${asInPath}}`);
      faults.add(
        'CACHE_INVALID_OPTIONS',
        `${methodName}: '${text}' names ${asInPath} as a path does: '${meant}'.`,
      );
    }
    const unknown = template.names.find((name) => !isName(name));
    if (unknown === undefined) continue;
    faults.add('CACHE_UNKNOWN_TEMPLATE_NAME', `${methodName}: '{${unknown}}' in '${text}' ${fault}`);
  }
}

/** What is wrong with a placeholder of a provider's method: the names of its arguments are gone when it runs. */
export const NO_ARGUMENT =
  'names nothing that the method declares. Arguments are named by their places: {0}, {0.id}, {1}.';

/** @param names  the placeholders that a route may use */
export function noInput(names: readonly string[]): string {
  const declared = names.map((name) => `{${name}}`).join(', ') || 'no input';
  return (
    `names nothing that the method declares. It declares ${declared}; what only its result has is named by a function, ` +
    'such as (_, book) => [`book:${book.id}`].'
  );
}

/**
 * Parameters that a route declares and its path does not have. Unless a guard adds them, keys and tags that name them name
 * nothing. Known only once routes are mapped.
 */
export function strangeParameters({
  type,
  name,
  method,
  paths,
}: Omit<DecoratedMethod<unknown>, 'definition'>): string[] {
  // Each adapter has its own name for the parameter of a wildcard.
  if (!isRoute(method) || paths.some((path) => path.includes('*'))) return [];
  const there = new Set(pathParameters(paths).flat());
  return routeArguments(type, name).flatMap(({ type: kind, data }) =>
    kind === RouteParamtypes.PARAM && typeof data === 'string' && !there.has(data) ? [data] : [],
  );
}

/** For a method that is no route: tells the placeholders that have a value, `{0}` or `{0.id}`, up to `count` arguments. */
export function argumentNames(count: number): (placeholder: string) => boolean {
  return (placeholder) => /^\d+(\.\w+)*$/.test(placeholder) && Number.parseInt(placeholder, 10) < count;
}

/** How many arguments the method declares; infinite if optional arguments or another decorator leave that open. */
export function argumentCount({
  type,
  name,
  method,
}: Pick<DecoratedMethod<unknown>, 'type' | 'name' | 'method'>): number {
  const types = parameterTypes(type, name);
  const { length } = method as { length?: number };
  return types && types.length === length ? length : Infinity;
}
