import type { Type } from '@nestjs/common';
import type { DecoratedMethod } from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { isThenable } from '../engine/thenable.js';
import { isRoute } from '../http/route-metadata.js';

/**
 * A decorated method of a provider always returns a promise. Refuses one whose declared type is none, as far as
 * `emitDecoratorMetadata` tells: its callers would take the promise for the value.
 */
export function checkPromise(
  { type, name, method, definition }: DecoratedMethod<{ readonly methodName: string }>,
  faults: Faults,
): void {
  if (isRoute(method)) return;
  const prototype = (type as Type).prototype as object;
  const returned: unknown = Reflect.getMetadata('design:returntype', prototype, name);
  // Unions, interfaces and inferred types leave no trace.
  if (typeof returned !== 'function' || returned === Object) return;
  if (isThenable(returned.prototype)) return;
  faults.add(
    'CACHE_INVALID_OPTIONS',
    `${definition.methodName} returns ${returned.name}, but a decorator of the cache makes a promise of that. Make it async.`,
  );
}
