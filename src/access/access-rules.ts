import { Injectable, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ACCESS_RULE, CREATED_ID, PUBLIC_ROUTE, type AccessRule } from './access.decorator.js';
import type { IdName } from './requested-ids.js';

/** What `@Access` and `@Public` say of a route. */
export interface RouteAccess {
  readonly isPublic: boolean;
  /** The boot refuses routes without one; should one slip through, nobody may use it. */
  readonly rule: AccessRule;
  readonly created: IdName | undefined;
}

/** Reads what is said of each route once: a hit of the cache has little else to do. */
@Injectable()
export class AccessRules {
  readonly #known = new WeakMap<object, WeakMap<object, RouteAccess>>();

  constructor(private readonly reflector: Reflector) {}

  of(context: ExecutionContext): RouteAccess {
    const [controller, handler] = [context.getClass(), context.getHandler()];
    const known = this.#known.get(controller)?.get(handler);
    if (known) return known;
    const places = [handler, controller];
    const access: RouteAccess = {
      isPublic: this.reflector.getAllAndOverride<true | undefined>(PUBLIC_ROUTE, places) ?? false,
      rule: this.reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, places) ?? {},
      created: this.reflector.getAllAndOverride<IdName | undefined>(CREATED_ID, places),
    };
    const ofController = this.#known.get(controller) ?? new WeakMap<object, RouteAccess>();
    this.#known.set(controller, ofController.set(handler, access));
    return access;
  }
}
