import type {
  CachedDefinition,
  DecoratedMethod,
  InvalidatingDefinition,
} from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { familyName } from '../definition/tag-rules.js';
import { answersByItself } from '../http/route-arguments.js';
import { isRoute } from '../http/route-metadata.js';
import { pathParameters } from '../http/route-paths.js';
import { ambiguousName, templateNames } from '../http/route-placeholders.js';
import { templateMayHit } from './cover.js';
import { argumentCount, argumentNames, checkTemplates } from './template-checks.js';

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

/** An answer must not leave before its invalidation. */
function checkAnswer(
  { type, name, method, definition }: DecoratedMethod<InvalidatingDefinition>,
  faults: Faults,
): void {
  if (!isRoute(method)) return;
  if (Reflect.hasMetadata('__sse__', method)) {
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `${definition.method} streams events, so it never ends, and nothing it sends could leave before its invalidation. ` +
        'Call CacheService.invalidate where it writes.',
    );
  }
  if (!answersByItself(type, name)) return;
  faults.add(
    'CACHE_INVALID_OPTIONS',
    `${definition.method} answers by itself, with @Res() without passthrough or @Next(), so before its invalidation. ` +
      'Return the answer, or call CacheService.invalidate before it is sent.',
  );
}

/** Every template must be one that something cached could ever feel. */
function checkPatterns(
  found: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  const { type, name, method, definition } = found;
  // One that declares no argument may still be handed some, such as by an emitter.
  const ofArguments = argumentNames(argumentCount(found) || Infinity);
  checkTemplates(found, isRoute(method) ? templateNames(type, name) : ofArguments, faults);
  const names = definition.rules.templates.flatMap((template) => template.names);
  const ambiguous = isRoute(method) ? ambiguousName(type, name, names) : undefined;
  if (ambiguous !== undefined) {
    faults.add(
      'CACHE_UNKNOWN_TEMPLATE_NAME',
      `${definition.method} declares two inputs named '${ambiguous}', so '{${ambiguous}}' says nothing. Rename one.`,
    );
  }
  const all =
    cached.map(({ definition: { method, prefix } }) => `${method} (${prefix})`).join(', ') || 'nothing';
  for (const template of definition.rules.templates) {
    if (cached.some((other) => templateMayHit(template, other.definition))) continue;
    faults.add(
      'CACHE_PATTERN_MATCHES_NOTHING',
      `${definition.method}: nothing that is cached depends on '${template.toString()}'. Cached: ${all}. Tags: ${knownTags(cached)}. ` +
        "What only getOrSet keeps, or another application on the same Redis, is named by a function: () => ['book:1', 'shelf:*'], or in the method: cache.invalidate('shelf:*').",
    );
  }
}

/** All tags that something cached is known to depend on, as they are written; of those that functions name the families. */
function knownTags(cached: readonly DecoratedMethod<CachedDefinition>[]): string {
  const tags = cached.flatMap(({ definition: { rules } }) => [
    ...rules.templates.filter(({ plain }) => plain !== undefined).map(String),
    ...(rules.families ?? []).map((family) => `${familyName(family)}:…`),
  ]);
  return [...new Set(tags)].sort().join(', ') || 'none';
}

/** A prefix pattern names no more leading parameters than entries of the prefix are grouped by. */
function checkDepths(
  { definition: { method, rules } }: DecoratedMethod<InvalidatingDefinition>,
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
      `${method}: '${template.toString()}' names ${depth} parameters, but ${first.definition.method} ` +
        `has ${leadingParameters(first)}.`,
    );
  }
}

/**
 * A leading parameter goes by its place in the path of what is cached. Where this route's own path has the name of that place,
 * and the pattern another one that only stands elsewhere there, it takes another's value.
 */
function checkOrder(
  { method, paths, definition }: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  if (!isRoute(method)) return;
  const own = new Set(pathParameters(paths).flat());
  for (const template of definition.rules.templates) {
    // Who names the prefix twice has thought of the order: both ends of a friendship are old.
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
      `${definition.method}: '${template.toString()}' has ${misplaced} at another place than the path of ` +
        `${view?.definition.method ?? ''}, ${view?.paths[0] ?? ''}.`,
    );
  }
}

/** The most that entries are grouped by. */
function leadingParameters(found: DecoratedMethod<CachedDefinition>): number {
  if (!isRoute(found.method)) return argumentCount(found);
  return Math.max(...pathParameters(found.paths).map(({ length }) => length));
}
