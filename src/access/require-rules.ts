import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import type { RoutePlaces } from '../http/per-route.js';
import { ACCESS_RULE, CREATED_ID, PUBLIC_ROUTE, type AccessRule } from './access.decorator.js';
import { declaredSources } from './declared-ids.js';
import { idNames } from './id-names.js';

type Controllers = ReturnType<DiscoveryService['getControllers']>;

/**
 * Stops the boot if a route does not say who may call it, says two things, or lets people at what is their own and names nothing
 * that could be.
 *
 * @throws {Error} naming every such method
 */
export function requireRules(controllers: Controllers): void {
  const faults = controllers.flatMap(({ metatype }) =>
    typeof metatype === 'function' ? faultsOf(metatype) : [],
  );
  if (faults.length > 0) throw new Error(`Every route says who may call it.\n${faults.join('\n')}`);
}

// oxlint-disable-next-line typescript/no-unsafe-function-type -- Nest knows a class by no narrower type
function faultsOf(controller: Function): string[] {
  const prototype = controller.prototype as Record<string, object>;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    if (handler === undefined || !Reflect.hasMetadata(METHOD_METADATA, handler)) return [];
    const says = (key: symbol) => Reflect.hasMetadata(key, handler) || Reflect.hasMetadata(key, controller);
    if (says(ACCESS_RULE) && says(PUBLIC_ROUTE))
      return [`${controller.name}.${name} has both @Access and @Public.`];
    if (!says(ACCESS_RULE) && !says(PUBLIC_ROUTE))
      return [`${controller.name}.${name} has neither @Access nor @Public.`];
    const rule = (Reflect.getMetadata(ACCESS_RULE, handler) ??
      Reflect.getMetadata(ACCESS_RULE, controller) ??
      {}) as AccessRule;
    if (Object.values(rule).includes('own') && !namesSomething([handler, controller] as RoutePlaces))
      return [
        `${controller.name}.${name} gives 'own', and reads no id by which to tell whose: name a parameter ${idNames.join(', ')}, or give 'all' or 'listed'.`,
      ];
    return [];
  });
}

/** Whether the guard finds an id in every path of a route, or in what it reads of query and body. */
function namesSomething(places: RoutePlaces): boolean {
  const [handler, controller] = places;
  const { query, body } = declaredSources(places);
  const created: unknown = Reflect.getMetadata(CREATED_ID, handler);
  if ([query, body].some(({ nested }) => nested.length > 0)) return true;
  if (query.own.length > 0 || body.own.some((name) => name !== created)) return true;
  const prefixes = pathsOf(controller);
  return pathsOf(handler).every((path) => prefixes.every((prefix) => holdsId(`${prefix}/${path}`)));
}

function pathsOf(place: object): string[] {
  return [Reflect.getMetadata(PATH_METADATA, place) as string | string[] | undefined]
    .flat()
    .map((path) => path ?? '');
}

function holdsId(path: string): boolean {
  return [...path.matchAll(/:(\w+)/g)].some(([, parameter]) => idNames.some((name) => name === parameter));
}
