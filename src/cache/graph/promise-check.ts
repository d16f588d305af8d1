import type { Type } from '@nestjs/common';
import type { DecoratedMethod } from '../definition/cached-definition.js';
import type { Faults } from '../definition/faults.js';
import { isThenable } from '../engine/thenable.js';
import { isRoute } from '../http/route-metadata.js';

/**
 * A provider's method under a decorator answers with a promise, whatever its type says. Where the compiler has written down
 * that it does not (`emitDecoratorMetadata`), its callers would take the promise for the value.
 */
export function checkPromise(
  { type, name, method, definition }: DecoratedMethod<{ readonly method: string }>,
  faults: Faults,
): void {
  if (isRoute(method)) return;
  const prototype = (type as Type).prototype as object;
  const returned: unknown = Reflect.getMetadata('design:returntype', prototype, name);
  // Nothing is known of unions, interfaces, and what is inferred.
  if (typeof returned !== 'function' || returned === Object) return;
  if (isThenable(returned.prototype)) return;
  faults.add(
    'CACHE_INVALID_OPTIONS',
    `${definition.method} returns ${returned.name}, but a decorator of the cache makes a promise of that. Make it async.`,
  );
}
