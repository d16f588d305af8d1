import { Inject } from '@nestjs/common';
import { CacheError } from '../engine/cache-errors.js';
import { MethodCache } from '../methods/method-cache.js';
import type { MethodCall } from '../methods/method-call.js';

/**
 * Where Nest puts the application's own {@link MethodCache} on every instance with a decorated method. Nest's message tells
 * its name where the module is missing.
 */
export const METHOD_CACHE = Symbol('CacheModule.forRoot');

type Runnable = (this: Decorated | undefined, ...args: unknown[]) => unknown;

export interface Decorated {
  [METHOD_CACHE]?: MethodCache;
}

/**
 * Replaces a method when it is decorated, so that `this.method()`, inheritance, request scope and two applications in
 * one process all meet the cache. An object made with `new`, outside of Nest, runs the plain method.
 *
 * @param around  receives the application's cache, and the call
 */
export function wrapMethod(
  target: object,
  descriptor: PropertyDescriptor,
  around: (cache: MethodCache, call: MethodCall) => unknown,
): object {
  const original = descriptor.value as Runnable;
  const wrapper: Runnable = function (...args) {
    const cache = this?.[METHOD_CACHE];
    const run = () => original.apply(this, args);
    return this && cache ? around(cache, { self: this, wrapper, args, run }) : run();
  };
  for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
  }
  Object.defineProperty(wrapper, 'name', { value: original.name });
  Object.defineProperty(wrapper, 'length', { value: original.length });
  descriptor.value = wrapper;
  Inject(MethodCache)(target, METHOD_CACHE);
  return wrapper;
}

/** @returns its name, for messages. @throws {CacheError} `CACHE_INVALID_OPTIONS` for what can have no cache */
export function decoratedName(target: object, name: string | symbol, descriptor: PropertyDescriptor): string {
  const isStatic = typeof target === 'function';
  const method = isStatic ? `${target.name}.${String(name)}` : methodName(target, name);
  if (isStatic)
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method} is static: no application gives it a cache.`);
  if (typeof descriptor.value !== 'function')
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method} is no method. Decorate a method that gives it.`);
  return method;
}

export function methodName(target: object, name: string | symbol): string {
  return `${target.constructor.name}.${String(name)}`;
}

export function isGenerator(method: object): boolean {
  return Object.prototype.toString.call(method).includes('Generator');
}
