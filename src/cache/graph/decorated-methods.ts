import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/internal';
import { METHOD_CACHE, type Decorated } from '../decorators/wrap-method.js';
import {
  cachedDefinition,
  invalidatingDefinition,
  type CachedDefinition,
  type DecoratedMethod,
  type InvalidatingDefinition,
} from '../definition/cached-definition.js';
import { CacheError } from '../engine/cache-errors.js';
import { isThenable } from '../engine/thenable.js';
import { isGet, isRoute } from '../http/route-metadata.js';
import { RoutePaths } from '../http/route-paths.js';
import { MethodCache } from '../methods/method-cache.js';

/** What the application has of a class. */
class Providers {
  isStatic = true;
  /** What is made anew for each request counts one for each provider. */
  readonly objects = new Set<unknown>();

  get isAlone(): boolean {
    return this.objects.size <= 1;
  }
}

/** Every decorated method of the application's controllers and providers. */
@Injectable()
export class DecoratedMethods {
  readonly cached: DecoratedMethod<CachedDefinition>[] = [];
  readonly invalidating: DecoratedMethod<InvalidatingDefinition>[] = [];
  /** Methods under `@InvalidateCache` that are overridden: only a call by `super` reaches them. */
  readonly overridden: InvalidatingDefinition[] = [];
  /** Handlers of routes that may invalidate something, themselves or through what they call. */
  readonly writing = new Set<object>();
  /** Prototype → whether it has decorated methods; kept because a factory may make instances for each request. */
  readonly #decorated = new WeakMap<object, boolean>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly paths: RoutePaths,
    private readonly methods: MethodCache,
  ) {}

  /** A method under both decorators is there twice. */
  get all(): DecoratedMethod<CachedDefinition | InvalidatingDefinition>[] {
    return [...this.cached, ...this.invalidating];
  }

  find(): void {
    const wrappers = [...this.discovery.getControllers(), ...this.discovery.getProviders()];
    for (const [prototype, providers] of byPrototype(wrappers)) this.#collect(prototype, providers);
    for (const wrapper of wrappers) {
      const isStatic = wrapper.isDependencyTreeStatic();
      if (wrapper.isFactory && (wrapper.isTransient || !isStatic)) this.#equipAllFrom(wrapper);
      if (!isStatic) continue;
      const prototype = prototypeOf(wrapper.metatype, wrapper.instance);
      // Nest injects the cache only into what it constructs; what a factory has made gets it here.
      if (prototype && this.#isDecorated(prototype)) equip(wrapper.instance as Decorated, this.methods);
    }
  }

  /** Gives the cache to what the factory has made, and to all that it will make for a request or another provider. */
  #equipAllFrom(wrapper: InstanceWrapper): void {
    const equipped = (made: unknown): unknown => {
      const prototype = prototypeOf(undefined, made);
      if (prototype && this.#isDecorated(prototype)) equip(made as Decorated, this.methods);
      return made;
    };
    for (const host of wrapper.getStaticTransientInstances()) equipped(host?.instance);
    const make = wrapper.metatype as (...injected: unknown[]) => unknown;
    wrapper.metatype = (...injected: unknown[]) => {
      const made = make(...injected);
      return isThenable(made) ? Promise.resolve(made).then(equipped) : equipped(made);
    };
  }

  /** Whether any of its methods is decorated, inherited and overridden ones included. */
  #isDecorated(prototype: object): boolean {
    const known = this.#decorated.get(prototype);
    if (known !== undefined) return known;
    const isDecorated = methodsOf(prototype).some(
      (method) => cachedDefinition(method) !== undefined || invalidatingDefinition(method) !== undefined,
    );
    this.#decorated.set(prototype, isDecorated);
    return isDecorated;
  }

  #collect(prototype: object, { isStatic, isAlone }: Providers): void {
    const type = prototype.constructor;
    for (const name of this.scanner.getAllMethodNames(prototype)) {
      const method = (prototype as Record<string, object>)[name] ?? {};
      const cached = cachedDefinition(method);
      const invalidating = invalidatingDefinition(method);
      const paths = isRoute(method) ? this.paths.of(type, method) : [];
      const found = { type, name, method, paths, isStatic, isAlone };
      if (cached) this.cached.push({ ...found, definition: cached });
      if (invalidating) this.invalidating.push({ ...found, definition: invalidating });
      if (isRoute(method) && (invalidating || !isGet(method))) this.writing.add(method);
    }
    const listed = new Set(this.invalidating.map(({ definition }) => definition));
    const all = methodsOf(prototype).map(invalidatingDefinition);
    this.overridden.push(...all.filter((one) => one !== undefined).filter((one) => !listed.has(one)));
  }
}

/** By prototype the providers of each class, those of all modules: one that is request-scoped makes all of them so. */
function byPrototype(wrappers: readonly InstanceWrapper[]): Map<object, Providers> {
  const found = new Map<object, Providers>();
  for (const wrapper of wrappers) {
    const isStatic = wrapper.isDependencyTreeStatic();
    const prototype = prototypeOf(wrapper.metatype, isStatic ? wrapper.instance : undefined);
    if (!prototype) continue;
    const providers = found.get(prototype) ?? new Providers();
    found.set(prototype, providers);
    providers.isStatic &&= isStatic;
    for (const one of isStatic ? objectsOf(wrapper) : [wrapper]) providers.objects.add(one);
  }
  return found;
}

function objectsOf(wrapper: InstanceWrapper): unknown[] {
  return wrapper.isTransient
    ? wrapper.getStaticTransientInstances().map((host): unknown => host?.instance)
    : [wrapper.instance];
}

/** An instance that several applications share gets the cache of the last. */
function equip(instance: Decorated, methods: MethodCache): void {
  if (Reflect.set(instance, METHOD_CACHE, methods)) return;
  const { name } = instance.constructor;
  throw new CacheError(
    'CACHE_INVALID_OPTIONS',
    `A ${name} is frozen, so its decorated methods get no cache.`,
  );
}

/** The methods of a prototype and those it inherits. Nest's own scanner would keep every prototype in memory. */
function methodsOf(prototype: object): object[] {
  const own = Object.values(Object.getOwnPropertyDescriptors(prototype)).map(({ value }): unknown => value);
  const methods = own.filter((value): value is object => typeof value === 'function');
  const parent = Object.getPrototypeOf(prototype) as object | null;
  return parent === null || parent === Object.prototype ? methods : [...methods, ...methodsOf(parent)];
}

/** The prototype of the instance if there is one, since a factory may have made it of any class. */
function prototypeOf(metatype: unknown, instance: unknown): object | undefined {
  if (typeof instance === 'object' && instance !== null)
    return Object.getPrototypeOf(instance) as object | undefined;
  return (metatype as { prototype?: object } | undefined)?.prototype;
}
