import { ValidationPipe } from '@nestjs/common';
import type { CacheRequest } from '../definition/cache-request.js';
import { pythonJson } from '../engine/cache-key.js';

/**
 * What a key gets for query parameters beside those that a query class describes: a class may be described in part, and a
 * handler reads what it is given. Nothing where there are none.
 */
export function undeclaredText({ query }: CacheRequest, declared: ReadonlySet<string>): string {
  let given: Record<string, unknown> | undefined;
  for (const name of Object.keys(query)) {
    if (declared.has(name)) continue;
    given ??= Object.create(null) as Record<string, unknown>;
    given[name] = query[name];
  }
  return given ? `|query:${pythonJson(given)}` : '';
}

/**
 * Whether such parameters are dropped before anything can read them: the first pipe is Nest's own and drops them
 * (`whitelist`), without refusing them, and no setter of the class sees them before that.
 *
 * @param pipes  all that the argument meets, in their order
 * @param type   the query class
 */
export function dropsUndeclared([first]: readonly unknown[], type: unknown): boolean {
  if (!(first instanceof ValidationPipe) || first.constructor !== ValidationPipe) return false;
  const { validatorOptions, expectedType } = first as unknown as {
    validatorOptions?: { whitelist?: boolean; forbidNonWhitelisted?: boolean };
    expectedType?: unknown;
  };
  const { whitelist = false, forbidNonWhitelisted = false } = validatorOptions ?? {};
  return whitelist && !forbidNonWhitelisted && !expectedType && !hasSetter(type);
}

function hasSetter(type: unknown): boolean {
  let prototype = (type as { prototype?: object | null }).prototype ?? null;
  while (prototype && prototype !== Object.prototype) {
    const properties = Object.values(Object.getOwnPropertyDescriptors(prototype));
    if (properties.some((property) => typeof property.set === 'function')) return true;
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return false;
}
