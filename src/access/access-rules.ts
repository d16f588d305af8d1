import { Injectable, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { PerRoute } from '../http/per-route.js';
import { ACCESS_RULE, CREATED_ID, PUBLIC_ROUTE, type AccessRule } from './access.decorator.js';
import { declaredSources, type DeclaredSources } from './declared-ids.js';
import type { IdName } from './id-names.js';

/** What `@Access` and `@Public` say of a route. */
export interface RouteAccess {
  readonly isPublic: boolean;
  /** The boot refuses routes without one; should one slip through, nobody may use it. */
  readonly rule: AccessRule;
  readonly created: IdName | undefined;
  /** The ids that it reads, beside those of its path. */
  readonly declared: DeclaredSources;
}

@Injectable()
export class AccessRules {
  readonly #routes: PerRoute<RouteAccess>;

  constructor(reflector: Reflector) {
    this.#routes = new PerRoute((places) => ({
      isPublic: reflector.getAllAndOverride<true | undefined>(PUBLIC_ROUTE, places) ?? false,
      rule: reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, places) ?? {},
      created: reflector.getAllAndOverride<IdName | undefined>(CREATED_ID, places),
      declared: declaredSources(places),
    }));
  }

  of(context: ExecutionContext): RouteAccess {
    return this.#routes.of(context);
  }
}
