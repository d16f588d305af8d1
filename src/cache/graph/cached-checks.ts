import {
  invalidatingDefinition,
  type CachedDefinition,
  type DecoratedMethod,
} from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { isPersonal } from '../definition/scope.js';
import { declaredInputs, type DeclaredInput } from '../http/declared-inputs.js';
import { answersByItself, decoratorFactory } from '../http/route-arguments.js';
import { fixedHeaders, uncacheable } from '../http/route-metadata.js';
import { inputNamed } from '../http/route-placeholders.js';
import type { ResolvedOptions } from '../resolve-options.js';
import { argumentCount, argumentNames, checkTemplates, NO_ARGUMENT, noInput } from './template-checks.js';

/** Prefixes must be unique: statistics and `prefix:*` could not tell two methods apart. */
export function checkPrefixes(cached: readonly DecoratedMethod<CachedDefinition>[], faults: Faults): void {
  const byPrefix = new Map<string, CachedDefinition>();
  const classes = new Map<CachedDefinition, Set<string>>();
  for (const { type, definition } of cached) {
    const { methodName, prefix } = definition;
    const first = byPrefix.get(prefix) ?? definition;
    byPrefix.set(prefix, first);
    const names = classes.get(definition) ?? new Set();
    // Subclasses of one class share its definition, and their names keep the keys apart: so those must differ.
    if (names.has(type.name)) {
      faults.add(
        'CACHE_DUPLICATE_PREFIX',
        `${methodName} is inherited by two classes named '${type.name}', whose keys would be the same. Rename one of them.`,
      );
    }
    classes.set(definition, names.add(type.name));
    if (first === definition) continue;
    faults.add(
      'CACHE_DUPLICATE_PREFIX',
      `${methodName} and ${first.methodName} both use the prefix '${prefix}'. Give one of them another.`,
    );
  }
}

/** Refuses a method under both decorators: a hit would invalidate nothing. */
export function checkOnlyCached(
  { method, definition }: DecoratedMethod<CachedDefinition>,
  faults: Faults,
): void {
  if (!invalidatingDefinition(method)) return;
  faults.add(
    'CACHE_INVALID_OPTIONS',
    `${definition.methodName} has both @Cached and @InvalidateCache: a hit would invalidate nothing. Make two methods of it.`,
  );
}

/** What is wrong with a placeholder beside a `key` function: what that function reads of the request has no name. */
const NAMELESS =
  'names nothing: with a key function, tags are named by functions, such as ([id]) => [`book:${id}`].';

/** @returns what the key of a cached route is made of */
export function checkRoute(
  found: DecoratedMethod<CachedDefinition>,
  isGuarded: boolean,
  options: ResolvedOptions,
  faults: Faults,
): DeclaredInput[] {
  const { type, name, method, definition, isStatic } = found;
  const { methodName: where, scope, key, answers } = definition;
  const reason =
    uncacheable(method) ??
    (answersByItself(type, name)
      ? 'it answers by itself, with @Res() without passthrough or @Next()'
      : undefined);
  if (reason) {
    faults.add('CACHE_UNCACHEABLE_ROUTE', `${where} cannot be cached: ${reason}.`);
    return [];
  }
  if (isGuarded && !scope) {
    faults.add(
      'CACHE_SCOPE_MISSING',
      `${where} is behind a guard, so @Cached must say who shares its answers: scope 'shared', 'user' or 'tenant'.`,
    );
  }
  if ((scope === 'user' && !options.principal) || (scope === 'tenant' && !options.tenant)) {
    faults.add(
      'CACHE_PRINCIPAL_MISSING',
      `${where} has scope '${scope}', but CacheModule was not told how to read it from a request: give it '${scope === 'user' ? 'principal' : 'tenant'}'.`,
    );
  }
  const isVaried = fixedHeaders(method).some((header) => header.name === 'vary');
  if (isPersonal(scope) && answers.clientMaxAgeS !== undefined && !isVaried) {
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `${where} has scope '${scope}' and clientMaxAge, so a browser would give one login's answer to the next. ` +
        "Name the header that tells them apart, such as @Header('Vary', 'Authorization'), or leave clientMaxAge out.",
    );
  }
  if (!isStatic && !key) {
    faults.add(
      'CACHE_UNDECLARED_INPUT',
      `${where}: its controller is made anew for each request, for it is request-scoped, or what it injects is, or a guard, ` +
        'interceptor or pipe on its way (also of the whole application), and so may read all of the request. Make that a ' +
        'singleton, or give @Cached a key function.',
    );
  }
  const principals = scope === 'user' ? (options.principalDecorators ?? []) : [];
  const inputs = key
    ? []
    : faults.attempt(() => declaredInputs(type, name, where, new Set(principals.map(decoratorFactory))));
  const fault = key ? NAMELESS : noInput((inputs ?? []).map((input) => input.name));
  if (inputs) checkTemplates(found, (wanted) => inputNamed(inputs, wanted) !== undefined, faults, fault);
  return inputs ?? [];
}

/**
 * Refuses options that have no effect on a method that is no route, those about HTTP answers and callers; and a provider
 * that does not say `shared` though it is request-scoped, or one of several, since its key would not tell callers or
 * providers apart.
 */
export function checkProviderMethod(found: DecoratedMethod<CachedDefinition>, faults: Faults): void {
  const { methodName: where, scope, key, answers } = found.definition;
  if (!found.isStatic && scope !== 'shared') {
    faults.add(
      'CACHE_SCOPE_MISSING',
      `${where}: its provider is made anew for each request, so it may know who asks, and its key holds only arguments. ` +
        "Pass what the value depends on as arguments; if it is everybody's, say so with scope: 'shared'.",
    );
  } else if (!found.isAlone && scope !== 'shared') {
    faults.add(
      'CACHE_SCOPE_MISSING',
      `${where}: the application has several objects of its class, which may have been given different things, and its key ` +
        "holds only arguments. Provide one, and export it; if all of them give the same, say so with scope: 'shared'.",
    );
  }
  const said = {
    ...(scope !== 'shared' && { scope }),
    key,
    visibility: answers.visibility,
    clientMaxAge: answers.clientMaxAgeS,
    mayBypass: answers.mayBypass,
    negativeTtl: answers.negativeTtlMs,
    store: answers.storedHeaders.length > 0 || undefined,
  };
  const unheard = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : name));
  if (unheard.length > 0) {
    const mend =
      (said.scope ?? said.key) ? ' Its key is its arguments: hand it what the value depends on.' : '';
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `${where}: ${unheard.join(', ')} can be said of a route only, and this method is none.${mend}`,
    );
  }
  checkTemplates(found, argumentNames(argumentCount(found)), faults, NO_ARGUMENT);
}
