import { Injectable } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { CacheModuleOptions } from '../cache.options.js';
import { CacheEngine } from '../engine/cache-engine.js';
import { CacheError } from '../engine/cache-errors.js';
import { familyTag } from '../engine/tags.js';
import { CacheDoor } from '../http/cache-door.guard.js';
import { CacheLoader } from '../http/cache-loader.interceptor.js';
import { declaredInputs, decoratorFactory, templateNames } from '../http/declared-inputs.js';
import { isRoute, uncacheable } from '../http/route-metadata.js';
import { RoutePlan } from '../http/route-plan.js';
import { RoutePlans } from '../http/route-plans.js';
import {
  cachedDefinition,
  invalidatingDefinition,
  type CachedDefinition,
  type InvalidatingDefinition,
} from './cached-definition.js';
import { coverOf } from './cover.js';
import { MethodCache } from './method-cache.js';
import { familiesOf, plainTagsOf, type TagRules } from './tag-rules.js';
import { METHOD_CACHE, type Decorated } from './wrap-method.js';

const GUARDS = '__guards__';
const INTERCEPTORS = '__interceptors__';

/** A decorated method and the class through which this application uses it. */
interface Found<Definition> {
  readonly type: object;
  readonly name: string;
  readonly method: object;
  readonly definition: Definition;
  /** Not made anew for each request, so that no request can be injected into it. */
  readonly isStatic: boolean;
}

/**
 * The boot work: finds every decorated method, refuses what could answer wrongly, and puts the door last among the
 * guards and the loader first among the interceptors. It runs in the module's `configure()`, the last moment before
 * Nest captures each route's guards, interceptors and handler.
 */
@Injectable()
export class CacheGraph {
  readonly #cached: Found<CachedDefinition>[] = [];
  readonly #invalidating: Found<InvalidatingDefinition>[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly application: ApplicationConfig,
    private readonly engine: CacheEngine,
    private readonly plans: RoutePlans,
    private readonly loader: CacheLoader,
    private readonly methods: MethodCache,
  ) {}

  /** @throws {CacheError} for the first thing that is wrong, with the method's name and what to do */
  build(options: CacheModuleOptions): void {
    this.#discover();
    checkPrefixes(this.#cached);
    const principals = new Set((options.principalDecorators ?? []).map(decoratorFactory));
    for (const found of this.#cached) {
      this.engine.expectTtl(found.definition.declaredTtlMs);
      if (isRoute(found.method)) this.#planRoute(found, options, principals);
    }
    const cached = this.#cached.map(({ definition }) => definition);
    for (const found of this.#invalidating) {
      checkPatterns(found, cached);
      this.methods.cover(found.definition, coverOf(found.definition.rules, cached));
    }
    this.methods.list(cached);
    const rules = [...cached, ...this.#invalidating.map(({ definition }) => definition)];
    this.engine.watchFamilies(rules.flatMap((definition) => plainTagsOf(definition.rules)));
    this.#placeLoader();
  }

  /** Every prefix that the application caches under. */
  get prefixes(): string[] {
    return this.#cached.map(({ definition }) => definition.prefix);
  }

  #discover(): void {
    const seen = new Set<object>();
    for (const wrapper of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const isStatic = wrapper.isDependencyTreeStatic();
      const prototype = prototypeOf(wrapper.metatype, isStatic ? wrapper.instance : undefined);
      if (!prototype) continue;
      const isDecorated = seen.has(prototype) || this.#collect(prototype, isStatic);
      if (!isDecorated) continue;
      seen.add(prototype);
      // Nest injects into what it constructs; what a factory made is given the cache here.
      if (isStatic) equip(wrapper.instance as Decorated, this.methods);
    }
  }

  #collect(prototype: object, isStatic: boolean): boolean {
    const type = prototype.constructor;
    let isDecorated = false;
    for (const name of this.scanner.getAllMethodNames(prototype)) {
      const method = (prototype as Record<string, object>)[name] ?? {};
      const cached = cachedDefinition(method);
      const invalidating = invalidatingDefinition(method);
      if (cached) this.#cached.push({ type, name, method, definition: cached, isStatic });
      if (invalidating) this.#invalidating.push({ type, name, method, definition: invalidating, isStatic });
      isDecorated ||= cached !== undefined || invalidating !== undefined;
    }
    return isDecorated;
  }

  #planRoute(
    found: Found<CachedDefinition>,
    options: CacheModuleOptions,
    principals: ReadonlySet<unknown>,
  ): void {
    const { type, name, method, definition } = found;
    const where = definition.method;
    const reason = uncacheable(method);
    if (reason) throw new CacheError('CACHE_UNCACHEABLE_ROUTE', `${where} cannot be cached: ${reason}.`);
    if (this.#isGuarded(type, method) && !definition.scope) {
      throw new CacheError(
        'CACHE_SCOPE_MISSING',
        `${where} is behind a guard, so @Cached must say who shares its answers: scope 'shared', 'user' or 'tenant'.`,
      );
    }
    if (
      (definition.scope === 'user' && !options.principal) ||
      (definition.scope === 'tenant' && !options.tenant)
    ) {
      throw new CacheError(
        'CACHE_PRINCIPAL_MISSING',
        `${where} has scope '${definition.scope}', but CacheModule was not told how to read it from a request.`,
      );
    }
    if (!found.isStatic && !definition.key) {
      throw new CacheError(
        'CACHE_UNDECLARED_INPUT',
        `${where}: its controller is made anew for each request and may read all of it. Give @Cached a key function.`,
      );
    }
    const inputs = definition.key
      ? []
      : declaredInputs(type, name, where, definition.scope === 'user' ? principals : new Set());
    checkTemplates(found, (placeholder) => inputs.some((input) => input.name === placeholder));
    this.plans.add(type, method, new RoutePlan(definition, inputs, options, type, method));
    putLast(GUARDS, method, CacheDoor);
  }

  #isGuarded(controller: object, method: object): boolean {
    const own = (Reflect.getMetadata(GUARDS, method) ?? []) as unknown[];
    const ofClass = (Reflect.getMetadata(GUARDS, controller) ?? []) as unknown[];
    const globals =
      this.application.getGlobalGuards().length + this.application.getGlobalRequestGuards().length;
    return globals + ofClass.length + own.filter((guard) => guard !== CacheDoor).length > 0;
  }

  /** At the outermost level that has interceptors anyway, so that no other route pays for one. */
  #placeLoader(): void {
    const globals = this.application.getGlobalInterceptors();
    const hasGlobals = globals.length + this.application.getGlobalRequestInterceptors().length > 0;
    if (hasGlobals) globals.unshift(this.loader);
    for (const { type, method } of this.#cached.filter(({ method }) => isRoute(method))) {
      putFirst(INTERCEPTORS, method, CacheLoader);
      const ofClass = (Reflect.getMetadata(INTERCEPTORS, type) ?? []) as unknown[];
      if (!hasGlobals && ofClass.length > 0) putFirst(INTERCEPTORS, type, CacheLoader);
    }
  }
}

function equip(instance: Decorated, methods: MethodCache): void {
  if (!(METHOD_CACHE in instance)) instance[METHOD_CACHE] = methods;
}

/** Of the instance where there is one: that holds for classes, subclasses and what factories made. */
function prototypeOf(metatype: unknown, instance: unknown): object | undefined {
  if (typeof instance === 'object' && instance !== null)
    return Object.getPrototypeOf(instance) as object | undefined;
  return (metatype as { prototype?: object } | undefined)?.prototype;
}

function checkPrefixes(cached: readonly Found<CachedDefinition>[]): void {
  const byPrefix = new Map<string, CachedDefinition>();
  for (const { definition } of cached) {
    const other = byPrefix.get(definition.prefix);
    // Two subclasses of one class share the definition; their paths keep their keys apart.
    if (other && other !== definition) {
      throw new CacheError(
        'CACHE_DUPLICATE_PREFIX',
        `${definition.method} and ${other.method} both use the prefix '${definition.prefix}'. Give one of them another.`,
      );
    }
    byPrefix.set(definition.prefix, definition);
  }
}

function checkPatterns(found: Found<InvalidatingDefinition>, cached: readonly CachedDefinition[]): void {
  const { type, name, method, definition } = found;
  const isName = isRoute(method) ? templateNames(type, name) : isArgument;
  checkTemplates(found, isName);
  const used = cached.map((other) => familiesOf(other.rules));
  for (const template of definition.rules.templates) {
    const { prefix, plain } = template;
    const matches =
      plain === undefined
        ? cached.some((other) => other.prefix === prefix)
        : used.some((families) => families?.has(familyTag(plain)) ?? true);
    if (!matches) {
      throw new CacheError(
        'CACHE_PATTERN_MATCHES_NOTHING',
        `${definition.method}: nothing that is cached depends on '${template.toString()}'. Cached: ${cached.map((other) => `${other.method} (${other.prefix})`).join(', ') || 'nothing'}.`,
      );
    }
  }
}

function checkTemplates(
  found: Found<{ method: string; rules: TagRules }>,
  isName: (name: string) => boolean,
): void {
  for (const template of found.definition.rules.templates) {
    const unknown = template.names.find((name) => !isName(name));
    if (unknown === undefined) continue;
    throw new CacheError(
      'CACHE_UNKNOWN_TEMPLATE_NAME',
      `${found.definition.method}: '{${unknown}}' in '${template.toString()}' names nothing that the method declares.`,
    );
  }
}

function isArgument(name: string): boolean {
  return /^\d+(\.\w+)*$/.test(name);
}

function putFirst(key: string, holder: object, item: unknown): void {
  Reflect.defineMetadata(key, [item, ...others(key, holder, item)], holder);
}

function putLast(key: string, holder: object, item: unknown): void {
  Reflect.defineMetadata(key, [...others(key, holder, item), item], holder);
}

function others(key: string, holder: object, item: unknown): unknown[] {
  return ((Reflect.getMetadata(key, holder) ?? []) as unknown[]).filter((other) => other !== item);
}
