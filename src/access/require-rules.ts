import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ACCESS_RULE, PUBLIC_ROUTE } from './access.decorator.js';

type Controllers = ReturnType<DiscoveryService['getControllers']>;

/**
 * Stops the boot if a route does not say who may call it, or says two things.
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
    return [];
  });
}
