import { Inject } from '@nestjs/common';
import { CacheError } from '../engine/cache-errors.js';
import { MethodCache } from '../methods/method-cache.js';
import type { MethodCall } from '../methods/method-call.js';

/**
 * The property of every instance with a decorated method in which Nest puts the application's own {@link MethodCache}. Nest
 * shows its name in the message when the module is missing.
 */
export const METHOD_CACHE = Symbol('CacheModule.forRoot');

type Runnable = (this: Decorated | undefined, ...args: unknown[]) => unknown;

export interface Decorated {
  [METHOD_CACHE]?: MethodCache;
}

/**
 * Replaces the method when it is decorated, so that the cache also works for `this.method()`, inherited methods, request
 * scope, and two applications in one process. An object made with `new`, outside of Nest, runs the plain method.
 *
 * @param around  takes the place of the call; it is given the application's cache
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

/**
 * @param descriptor  none of a property, on which the compiler stops nobody who writes JavaScript
 * @returns `Class.method`, for messages
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for what cannot be cached
 */
export function decoratedName(
  target: object,
  name: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): string {
  const isStatic = typeof target === 'function';
  const method = isStatic ? `${target.name}.${String(name)}` : methodName(target, name);
  if (isStatic)
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method} is static: no application gives it a cache.`);
  if (typeof descriptor?.value !== 'function')
    throw new CacheError('CACHE_INVALID_OPTIONS', `${method} is no method. Decorate a method that gives it.`);
  return method;
}

export function methodName(target: object, name: string | symbol): string {
  return `${target.constructor.name}.${String(name)}`;
}

export function isGenerator(method: object): boolean {
  return Object.prototype.toString.call(method).includes('Generator');
}
