import type {
  CachedDefinition,
  DecoratedMethod,
  InvalidatingDefinition,
} from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { familyName, plainTagsOf } from '../definition/tag-rules.js';
import type { TagTemplate } from '../definition/tag-template.js';
import { answersByItself } from '../http/route-arguments.js';
import { isRoute } from '../http/route-metadata.js';
import { pathParameters } from '../http/route-paths.js';
import { ambiguousName, declaredNames, templateNames } from '../http/route-placeholders.js';
import { templateMayHit } from './cover.js';
import { argumentCount, argumentNames, checkTemplates, NO_ARGUMENT, noInput } from './template-checks.js';

/** @param cached  all that the application caches */
export function checkInvalidation(
  found: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  checkAnswer(found, faults);
  checkPatterns(found, cached, faults);
  checkDepths(found, cached, faults);
  checkOrder(found, cached, faults);
}

/** Refuses routes whose answer would leave before the invalidation. */
function checkAnswer(
  { type, name, method, definition }: DecoratedMethod<InvalidatingDefinition>,
  faults: Faults,
): void {
  if (!isRoute(method)) return;
  if (Reflect.hasMetadata('__sse__', method)) {
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `${definition.methodName} streams events, so it never ends, and nothing it sends could leave before its invalidation. ` +
        'Call CacheService.invalidate where it writes.',
    );
  }
  if (!answersByItself(type, name)) return;
  faults.add(
    'CACHE_INVALID_OPTIONS',
    `${definition.methodName} answers by itself, with @Res() without passthrough or @Next(), so before its invalidation. ` +
      'Return the answer, or call CacheService.invalidate before it is sent.',
  );
}

/** Refuses placeholders that have no value, and templates on which nothing that is cached depends. */
function checkPatterns(
  found: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  const { type, name, method, definition } = found;
  // A method that declares no arguments may still be called with some, such as by an emitter.
  const ofArguments = argumentNames(argumentCount(found) || Infinity);
  if (isRoute(method))
    checkTemplates(found, templateNames(type, name), faults, noInput(declaredNames(type, name)));
  else checkTemplates(found, ofArguments, faults, NO_ARGUMENT);
  const names = definition.rules.templates.flatMap((template) => template.names);
  const ambiguous = isRoute(method) ? ambiguousName(type, name, names) : undefined;
  if (ambiguous !== undefined) {
    faults.add(
      'CACHE_UNKNOWN_TEMPLATE_NAME',
      `${definition.methodName} declares two inputs named '${ambiguous}', so '{${ambiguous}}' says nothing. Rename one.`,
    );
  }
  const all =
    cached.map(({ definition: { methodName, prefix } }) => `${methodName} (${prefix})`).join(', ') ||
    'nothing';
  for (const template of definition.rules.templates) {
    if (cached.some((other) => templateMayHit(template, other.definition))) continue;
    faults.add(
      'CACHE_PATTERN_MATCHES_NOTHING',
      `${definition.methodName}: nothing that is cached depends on '${template.toString()}'.${meantBy(template, cached)} Cached: ${all}. Tags: ${knownTags(cached)}. ` +
        "What only getOrSet keeps, or another application on the same Redis, is named by a function: () => ['book:1', 'shelf:*'], or in the method: cache.invalidate('shelf:*').",
    );
  }
}

/** What was probably meant: a prefix named as if it were a tag, or tags named as if they were a prefix. */
function meantBy(template: TagTemplate, cached: readonly DecoratedMethod<CachedDefinition>[]): string {
  const text = template.toString();
  if (cached.some(({ definition }) => definition.prefix === text))
    return ` A prefix is named by '${text}:*'.`;
  const tagged = cached.find(({ definition: { rules } }) =>
    plainTagsOf(rules).some((tag) => familyName(tag) === template.prefix),
  );
  return tagged
    ? ` A * stands behind prefixes, such as '${tagged.definition.prefix}:*', and no tags: what all of them shall go with has a tag without an id.`
    : '';
}

/** All tags that something cached is known to depend on, for the message: as they are written, or the families of functions. */
function knownTags(cached: readonly DecoratedMethod<CachedDefinition>[]): string {
  const tags = cached.flatMap(({ definition: { rules } }) => [
    ...rules.templates.filter(({ plain }) => plain !== undefined).map(String),
    ...(rules.families ?? []).map((family) => `${familyName(family)}:…`),
  ]);
  return [...new Set(tags)].sort().join(', ') || 'none';
}

/** Refuses a prefix pattern that names more leading parameters than the cached method has: it would reach nothing. */
function checkDepths(
  { definition: { methodName, rules } }: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  for (const template of rules.templates) {
    const { prefix, leading } = template;
    const depth = leading.length;
    const meant = cached.filter(({ definition }) => definition.prefix === prefix);
    const isNamed = cached.some(({ definition }) =>
      definition.rules.templates.some((other) => other.prefix === prefix && other.leading.length >= depth),
    );
    const [first] = meant;
    if (!first || isNamed || meant.some((other) => leadingParameters(other) >= depth)) continue;
    faults.add(
      'CACHE_PATTERN_MATCHES_NOTHING',
      `${methodName}: '${template.toString()}' names ${depth} parameters, but ${first.definition.methodName} ` +
        `has ${leadingParameters(first)}.`,
    );
  }
}

/**
 * Refuses a prefix pattern whose parameters are in the wrong order. They are compared by their place in the path of the
 * cached route, so one that stands at another place there, while this route has the parameter that belongs here, is misplaced.
 */
function checkOrder(
  { method, paths, definition }: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  if (!isRoute(method)) return;
  const own = new Set(pathParameters(paths).flat());
  for (const template of definition.rules.templates) {
    // Two patterns of one prefix mean both orders, such as for both ends of a friendship.
    if (definition.rules.templates.filter(({ prefix }) => prefix === template.prefix).length > 1) continue;
    const views = cached.filter(
      (other) => other.definition.prefix === template.prefix && isRoute(other.method),
    );
    const viewed = views.flatMap((view) => pathParameters(view.paths));
    const misplaced = template.leading.find((segment, place) => {
      const [, name = ''] = /^\{(.+)\}$/.exec(segment) ?? [];
      const isAnother = (names: readonly string[]) =>
        names[place] !== name && names.includes(name) && own.has(names[place] ?? '');
      return own.has(name) && viewed.length > 0 && viewed.every(isAnother);
    });
    if (misplaced === undefined) continue;
    const [view] = views;
    faults.add(
      'CACHE_PATTERN_MATCHES_NOTHING',
      `${definition.methodName}: '${template.toString()}' has ${misplaced} at another place than the path of ` +
        `${view?.definition.methodName ?? ''}, ${view?.paths[0] ?? ''}.`,
    );
  }
}

/** The largest number of leading parameters that a prefix pattern may name. */
function leadingParameters(found: DecoratedMethod<CachedDefinition>): number {
  if (!isRoute(found.method)) return argumentCount(found);
  return Math.max(...pathParameters(found.paths).map(({ length }) => length));
}
