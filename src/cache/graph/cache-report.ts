import type { CachedDefinition, InvalidatingDefinition } from '../definition/cached-definition.js';
import type { Scope } from '../definition/scope.js';
import { familyName, type TagRules } from '../definition/tag-rules.js';
import type { Consistency, EntryPolicy } from '../engine/entry-policy.js';
import { familyMayHit, mayHit } from './cover.js';
import type { KeyRecipe } from './key-recipe.js';

/** Who keeps what, and who invalidates it, as the decorators of the application say. */
export interface CacheReport {
  readonly cached: readonly CachedReport[];
  readonly invalidating: readonly InvalidatingReport[];
  readonly warnings: readonly CacheWarning[];
}

/** A method under `@Cached`, how its results are kept and what reaches them. */
export interface CachedReport {
  readonly prefix: string;
  /** `Class.method` */
  readonly method: string;
  /** What the key is made of: `course_analytics|/api/v3/analytics/courses/:course_id|{course_id}`. */
  readonly key: string;
  /** `public`: a route without a guard; `none`: no route. */
  readonly scope: Scope | 'public' | 'none';
  /** Seconds; `undefined` if a function of the result decides. */
  readonly ttlSeconds: number | undefined;
  readonly consistency: Consistency;
  /** The name for the form of the result, from the decorator or the module's `shapeOf`. */
  readonly shape: string | undefined;
  /** What entries depend on, beside their prefix: templates, and for functions their families. */
  readonly tags: readonly string[];
  /** Methods that could invalidate an entry. */
  readonly invalidatedBy: readonly string[];
}

/** A method under `@InvalidateCache`, and what that reaches. */
export interface InvalidatingReport {
  /** `Class.method` */
  readonly method: string;
  /** What it invalidates: templates, and for functions their families. */
  readonly tags: readonly string[];
  /** Prefixes of the methods whose entries it could invalidate. */
  readonly invalidates: readonly string[];
}

/**
 * `hits-nothing`: no entry depends on anything that a method could invalidate; not said if a function without `families` may
 * name what only `getOrSet` keeps. `unused-family`: a method names a family on which nothing depends. `never-invalidated`:
 * nothing ends entries before their TTL. `strange-parameter`: a `@Param` that the path does not have. `no-shape`: after a
 * deploy that changes the form of a result, entries of the old form are still read.
 */
export interface CacheWarning {
  readonly kind: 'hits-nothing' | 'unused-family' | 'never-invalidated' | 'strange-parameter' | 'no-shape';
  /** Whether it is certainly a mistake; the others may be meant. */
  readonly isHard: boolean;
  readonly methods: readonly string[];
}

/**
 * @param cached    each with what its keys are made of
 * @param strange   methods with a parameter that their path does not have, and its name
 * @param defaults  the policy of methods that say nothing else
 */
export function cacheReport(
  cached: ReadonlyMap<CachedDefinition, KeyRecipe>,
  invalidating: ReadonlySet<InvalidatingDefinition>,
  strange: readonly string[],
  defaults: EntryPolicy,
): CacheReport {
  const views = [...cached].map(([definition, { key, isRoute }]): CachedReport => {
    const { prefix, methodName, scope, declaredTtlMs, policy, shape, rules } = definition;
    return {
      prefix,
      method: methodName,
      key,
      scope: scope ?? (isRoute ? 'public' : 'none'),
      ttlSeconds: declaredTtlMs === 0 ? undefined : declaredTtlMs / 1000,
      consistency: policy.consistency ?? defaults.consistency,
      shape: shape || undefined,
      tags: tagsOf(rules),
      invalidatedBy: [...invalidating]
        .filter((other) => mayHit(other.rules, definition))
        .map((other) => other.methodName),
    };
  });
  const writes = [...invalidating].map(({ methodName, rules }) => ({
    method: methodName,
    tags: tagsOf(rules),
    invalidates: [...cached.keys()].filter((other) => mayHit(rules, other)).map(({ prefix }) => prefix),
  }));
  const isUsed = (family: string) =>
    [...cached.keys()].some((definition) => familyMayHit(family, definition));
  /** What `getOrSet` keeps is not known, and a function may name its tags. */
  const isDead = ({ rules }: InvalidatingDefinition) =>
    (rules.functions.length === 0 || rules.families !== undefined) &&
    ![...cached.keys()].some((other) => mayHit(rules, other));
  const suspects: Record<CacheWarning['kind'], string[]> = {
    'hits-nothing': [...invalidating].filter(isDead).map(({ methodName }) => methodName),
    'unused-family': [...invalidating].flatMap(({ methodName, rules: { families = [] } }) =>
      families.filter((family) => !isUsed(family)).map((family) => `${methodName} (${familyName(family)})`),
    ),
    'never-invalidated': views
      .filter(({ invalidatedBy }) => invalidatedBy.length === 0)
      .map(({ method }) => method),
    'strange-parameter': [...new Set(strange)],
    'no-shape': views.filter(({ shape }) => shape === undefined).map(({ method }) => method),
  };
  const warnings = (Object.keys(suspects) as CacheWarning['kind'][])
    .map((kind) => ({ kind, isHard: kind === 'hits-nothing', methods: suspects[kind] }))
    .filter(({ methods }) => methods.length > 0);
  return { cached: views, invalidating: writes, warnings };
}

function tagsOf({ templates, functions, families }: TagRules): string[] {
  const named = families?.map(familyName).join(' or ') ?? 'any family';
  return [...templates.map(String), ...functions.map(() => `a function of ${named}`)];
}
