import type {
  CachedDefinition,
  DecoratedMethod,
  InvalidatingDefinition,
} from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { answersByItself } from '../http/declared-inputs.js';
import { isRoute, pathParameters } from '../http/route-metadata.js';

/** An answer must not leave before its invalidation. */
export function checkAnswer(
  { type, name, method, definition }: DecoratedMethod<InvalidatingDefinition>,
  faults: Faults,
): void {
  if (!isRoute(method) || !answersByItself(type, name)) return;
  faults.add(
    'CACHE_INVALID_OPTIONS',
    `${definition.method} answers by itself, with @Res() without passthrough or @Next(), so before its invalidation. ` +
      'Return the answer, or call CacheService.invalidate before it is sent.',
  );
}

/** A prefix pattern names no more leading parameters than entries of the prefix are grouped by. */
export function checkDepths(
  { definition: { method, rules } }: DecoratedMethod<InvalidatingDefinition>,
  cached: readonly DecoratedMethod<CachedDefinition>[],
  faults: Faults,
): void {
  for (const template of rules.templates) {
    const { prefix, depth } = template;
    const meant = cached.filter(({ definition }) => definition.prefix === prefix);
    const isNamed = cached.some(({ definition }) =>
      definition.rules.templates.some((other) => other.prefix === prefix && other.depth >= depth),
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

/** The most that entries are grouped by; infinite where optional arguments or another decorator leave it open. */
function leadingParameters({ type, name, method }: DecoratedMethod<CachedDefinition>): number {
  if (isRoute(method)) return Math.max(...pathParameters(type, method).map(({ length }) => length));
  const { prototype } = type as { prototype?: object };
  const types =
    prototype && (Reflect.getMetadata('design:paramtypes', prototype, name) as unknown[] | undefined);
  const { length } = method as { length?: number };
  return types && types.length === length ? length : Infinity;
}
