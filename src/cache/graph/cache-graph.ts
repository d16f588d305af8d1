import { Injectable } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService } from '@nestjs/core';
import type { CachedDefinition, DecoratedMethod } from '../definition/cached-definition.js';
import { Faults } from '../definition/faults.js';
import { plainTagsOf } from '../definition/tag-rules.js';
import { CacheEngine } from '../engine/cache-engine.js';
import { CacheDoor } from '../http/cache-door.guard.js';
import { CacheLoader } from '../http/cache-loader.interceptor.js';
import type { DeclaredInput } from '../http/declared-inputs.js';
import { guardsOf, interceptorsOf, pipesOf, putFirstInterceptor, putLastGuard } from '../http/enhancers.js';
import { InvalidationNotice } from '../http/invalidation-notice.js';
import { isRoute } from '../http/route-metadata.js';
import { RoutePaths } from '../http/route-paths.js';
import { RoutePlan } from '../http/route-plan.js';
import { RoutePlans } from '../http/route-plans.js';
import { MethodCache } from '../methods/method-cache.js';
import type { ResolvedOptions } from '../resolve-options.js';
import { cacheReport, type CacheReport } from './cache-report.js';
import { checkOnlyCached, checkPrefixes, checkProviderMethod, checkRoute } from './cached-checks.js';
import { coverOf } from './cover.js';
import { DecoratedMethods } from './decorated-methods.js';
import { checkInvalidation } from './invalidation-checks.js';
import { keyRecipe, type KeyRecipe } from './key-recipe.js';
import { checkPromise } from './promise-check.js';
import { strangeParameters } from './template-checks.js';

/**
 * The work at start: finds every decorated method, refuses what could lead to wrong answers, and puts the door last among
 * the guards and the loader first among the interceptors. It runs in the module's `configure()`, the last moment before Nest
 * captures each route's guards, interceptors and handler.
 */
@Injectable()
export class CacheGraph {
  readonly #recipes = new Map<CachedDefinition, KeyRecipe>();
  readonly #shapes = new Map<CachedDefinition, string>();
  readonly #shapeless: string[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly decorated: DecoratedMethods,
    private readonly application: ApplicationConfig,
    private readonly paths: RoutePaths,
    private readonly engine: CacheEngine,
    private readonly plans: RoutePlans,
    private readonly loader: CacheLoader,
    private readonly notice: InvalidationNotice,
    private readonly methods: MethodCache,
  ) {}

  /** @throws {CacheBootError} naming everything that is wrong, with each method's name and what to do */
  build(options: ResolvedOptions): void {
    this.decorated.find();
    const cached = this.decorated.cached.map(({ definition }) => definition);
    const definitions = this.decorated.all.map(({ definition }) => definition);
    const faults = new Faults();
    this.#checkAlone(faults);
    for (const definition of definitions) faults.addAll(definition.faults);
    checkPrefixes(this.decorated.cached, faults);
    for (const found of this.decorated.cached) {
      checkOnlyCached(found, faults);
      const inputs = isRoute(found.method) ? this.#planRoute(found, options, faults) : [];
      if (!isRoute(found.method)) checkProviderMethod(found, faults);
      this.#recipes.set(found.definition, keyRecipe(found, inputs, this.#isInherited(found)));
    }
    for (const found of this.decorated.all) checkPromise(found, faults);
    for (const found of this.decorated.invalidating) {
      checkInvalidation(found, this.decorated.cached, faults);
      this.methods.invalidations.setCover(found.definition, coverOf(found.definition.rules, cached));
    }
    for (const definition of this.decorated.overridden) {
      this.methods.invalidations.setCover(definition, coverOf(definition.rules, cached));
    }
    faults.refuse();
    this.methods.addListed(cached);
    const routes = this.decorated.all.filter(({ method }) => isRoute(method));
    this.methods.addRoutes(routes.map(({ definition }) => definition));
    this.engine.watchFamilies(definitions.flatMap(({ rules }) => plainTagsOf(rules)));
    this.#placeLoader();
    for (const method of this.decorated.writing) putFirstInterceptor(method, this.notice);
  }

  /** Who keeps what, and who invalidates it; empty before the application was initialised. */
  report(): CacheReport {
    const shaped = [...this.#recipes].map(([definition, recipe]) => {
      return [{ ...definition, shape: this.#shapes.get(definition) ?? definition.shape }, recipe] as const;
    });
    const invalidating = new Set(this.decorated.invalidating.map(({ definition }) => definition));
    const strange = this.decorated.all.flatMap((found) =>
      strangeParameters(found).map((name) => `${found.definition.methodName} (${name})`),
    );
    return cacheReport(new Map(shaped), invalidating, strange, this.methods.defaultPolicy);
  }

  /** Routes for which neither the decorator nor `shapeOf` names the form of the answers. */
  get shapeless(): readonly string[] {
    return this.#shapeless;
  }

  /** Every prefix that the application caches under. */
  get prefixes(): string[] {
    return this.decorated.cached.map(({ definition }) => definition.prefix);
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
    const { type, name, method, paths, definition } = found;
    const isGuarded = this.#isGuarded(type, method);
    const inputs = checkRoute(found, isGuarded, options, faults);
    const shape = definition.shape || (options.shapeOf?.({ controller: type, handler: name }) ?? '');
    if (!shape) this.#shapeless.push(definition.methodName);
    this.#shapes.set(definition, shape);
    const isInherited = this.#isInherited(found);
    const plan = new RoutePlan({ ...definition, shape }, options, {
      inputs,
      paths,
      pipes: [...this.#globalPipes(), ...pipesOf(type), ...pipesOf(method)],
      versionHeaders: this.paths.versionHeaders,
      controller: type,
      name,
      method,
      isGuarded,
      isInherited,
      emit: this.methods.emit,
    });
    this.plans.add(type, method, plan);
    putLastGuard(method, CacheDoor);
    return inputs;
  }

  #isInherited({ definition }: DecoratedMethod<CachedDefinition>): boolean {
    return this.decorated.cached.filter((other) => other.definition === definition).length > 1;
  }

  #globalPipes(): readonly unknown[] {
    return [...this.application.getGlobalPipes(), ...this.application.getGlobalRequestPipes()];
  }

  #isGuarded(controller: object, method: object): boolean {
    const globals = [...this.application.getGlobalGuards(), ...this.application.getGlobalRequestGuards()];
    const guards = [...globals, ...guardsOf(controller), ...guardsOf(method)];
    return guards.some((guard) => guard !== CacheDoor);
  }

  /** Puts the loader at the outermost level that has interceptors anyway, so that it costs routes without the cache nothing. */
  #placeLoader(): void {
    const globals = this.application.getGlobalInterceptors();
    const hasGlobals = globals.length + this.application.getGlobalRequestInterceptors().length > 0;
    if (hasGlobals) globals.unshift(this.loader);
    for (const { type, method } of this.decorated.cached.filter(({ method }) => isRoute(method))) {
      putFirstInterceptor(method, CacheLoader);
      if (!hasGlobals && interceptorsOf(type).length > 0) putFirstInterceptor(type, CacheLoader);
    }
  }
}
