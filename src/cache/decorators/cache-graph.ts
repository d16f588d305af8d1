import { Injectable } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';
import {
  cachedDefinition,
  invalidatingDefinition,
  type CachedDefinition,
  type DecoratedMethod,
  type InvalidatingDefinition,
} from '../definition/cached-definition.js';
import { Faults } from '../definition/faults.js';
import { plainTagsOf } from '../definition/tag-rules.js';
import { CacheEngine } from '../engine/cache-engine.js';
import { CacheDoor } from '../http/cache-door.guard.js';
import { CacheLoader } from '../http/cache-loader.interceptor.js';
import type { DeclaredInput } from '../http/declared-inputs.js';
import { InvalidationNotice } from '../http/invalidation-notice.js';
import { isGet, isRoute } from '../http/route-metadata.js';
import { RoutePlan } from '../http/route-plan.js';
import { RoutePlans } from '../http/route-plans.js';
import type { ResolvedOptions } from '../resolve-options.js';
import { checkPatterns, checkPrefixes, checkProviderMethod, checkRoute } from './boot-checks.js';
import { cacheReport, type CacheReport } from './cache-report.js';
import { coverOf } from './cover.js';
import { checkAnswer, checkDepths } from './invalidation-checks.js';
import { keyRecipe, type KeyRecipe } from './key-recipe.js';
import { MethodCache } from './method-cache.js';
import { METHOD_CACHE, type Decorated } from './wrap-method.js';

const GUARDS = '__guards__';
const INTERCEPTORS = '__interceptors__';

/**
 * The boot work: finds every decorated method, refuses what could answer wrongly, and puts the door last among the
 * guards and the loader first among the interceptors. It runs in the module's `configure()`, the last moment before
 * Nest captures each route's guards, interceptors and handler.
 */
@Injectable()
export class CacheGraph {
  readonly #cached: DecoratedMethod<CachedDefinition>[] = [];
  readonly #invalidating: DecoratedMethod<InvalidatingDefinition>[] = [];
  /** Handlers of routes that may invalidate something, themselves or through whatever they call. */
  readonly #writing = new Set<object>();
  readonly #recipes = new Map<CachedDefinition, KeyRecipe>();
  readonly #shapes = new Map<CachedDefinition, string>();
  readonly #shapeless: string[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly application: ApplicationConfig,
    private readonly engine: CacheEngine,
    private readonly plans: RoutePlans,
    private readonly loader: CacheLoader,
    private readonly notice: InvalidationNotice,
    private readonly methods: MethodCache,
  ) {}

  /** @throws {CacheBootError} naming everything that is wrong, with each method's name and what to do */
  build(options: ResolvedOptions): void {
    this.#discover();
    const cached = this.#cached.map(({ definition }) => definition);
    const definitions = [...cached, ...this.#invalidating.map(({ definition }) => definition)];
    const faults = new Faults();
    this.#checkAlone(faults);
    for (const definition of definitions) faults.addAll(definition.faults);
    checkPrefixes(this.#cached, faults);
    for (const found of this.#cached) {
      const inputs = isRoute(found.method) ? this.#planRoute(found, options, faults) : [];
      if (!isRoute(found.method)) checkProviderMethod(found, faults);
      const globalPrefix = this.application.getGlobalPrefix();
      this.#recipes.set(found.definition, keyRecipe(found, inputs, globalPrefix, this.#isShared(found)));
    }
    for (const found of this.#invalidating) {
      checkAnswer(found, faults);
      checkPatterns(found, cached, faults);
      checkDepths(found, this.#cached, faults);
      this.methods.invalidations.cover(found.definition, coverOf(found.definition.rules, cached));
    }
    faults.refuse();
    this.methods.list(cached);
    const routes = [...this.#cached, ...this.#invalidating].filter(({ method }) => isRoute(method));
    this.methods.listRoutes(routes.map(({ definition }) => definition));
    this.engine.watchFamilies(definitions.flatMap(({ rules }) => plainTagsOf(rules)));
    this.#placeLoader();
    for (const method of this.#writing) putFirst(INTERCEPTORS, method, this.notice);
  }

  /** Who keeps what, and who invalidates it; empty before the application was initialised. */
  report(): CacheReport {
    const shaped = [...this.#recipes].map(([definition, recipe]) => {
      return [{ ...definition, shape: this.#shapes.get(definition) ?? definition.shape }, recipe] as const;
    });
    const invalidating = new Set(this.#invalidating.map(({ definition }) => definition));
    return cacheReport(new Map(shaped), invalidating, this.methods.defaultPolicy);
  }

  /** Routes of whose answers nothing names the form. */
  get shapeless(): readonly string[] {
    return this.#shapeless;
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
      if (isRoute(method) && (invalidating || !isGet(method))) this.#writing.add(method);
      isDecorated ||= cached !== undefined || invalidating !== undefined;
    }
    return isDecorated;
  }

  #checkAlone(faults: Faults): void {
    const graphs = this.discovery.getProviders().filter(({ metatype }) => metatype === CacheGraph);
    if (graphs.length <= 1) return;
    faults.add(
      'CACHE_INVALID_OPTIONS',
      `CacheModule.forRoot is imported ${graphs.length} times, so each cache would keep what another invalidates. ` +
        'Import it in one module: it is there for all of them.',
    );
  }

  #planRoute(
    found: DecoratedMethod<CachedDefinition>,
    options: ResolvedOptions,
    faults: Faults,
  ): DeclaredInput[] {
    const { type, name, method, definition } = found;
    const isGuarded = this.#isGuarded(type, method);
    const inputs = checkRoute(found, isGuarded, options, faults);
    const shape = definition.shape || (options.shapeOf?.({ controller: type, handler: name }) ?? '');
    if (!shape) this.#shapeless.push(definition.method);
    this.#shapes.set(definition, shape);
    const isShared = this.#isShared(found);
    const facts = { inputs, controller: type, name, method, isGuarded, isShared, emit: this.methods.emit };
    this.plans.add(type, method, new RoutePlan({ ...definition, shape }, options, facts));
    putLast(GUARDS, method, CacheDoor);
    return inputs;
  }

  #isShared({ definition }: DecoratedMethod<CachedDefinition>): boolean {
    return this.#cached.filter((other) => other.definition === definition).length > 1;
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

function putFirst(key: string, holder: object, item: unknown): void {
  Reflect.defineMetadata(key, [item, ...others(key, holder, item)], holder);
}

function putLast(key: string, holder: object, item: unknown): void {
  Reflect.defineMetadata(key, [...others(key, holder, item), item], holder);
}

function others(key: string, holder: object, item: unknown): unknown[] {
  return ((Reflect.getMetadata(key, holder) ?? []) as unknown[]).filter((other) => other !== item);
}
