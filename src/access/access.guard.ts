import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { AccessRules } from './access-rules.js';
import { OwnershipCheck } from './ownership-check.js';
import type { Person } from './person.js';
import type { Principal } from './principal.js';
import type { IdSources } from './requested-ids.js';
import { RightsService } from './rights.service.js';
import { TokenVerifier, invalidToken, tokenMissing } from './token.verifier.js';

interface IncomingRequest extends IdSources {
  readonly principal?: Principal;
}

/**
 * Stands before every route, and so before every look into the cache: does the role of the caller have access, and does
 * it reach what is asked for.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly rules: AccessRules,
    private readonly tokens: TokenVerifier,
    private readonly rights: RightsService,
    private readonly ownership: OwnershipCheck,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = this.rules.of(context);
    const { isPublic, rule } = route;
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<IncomingRequest>();

    const { principal } = request;
    if (principal === undefined) throw tokenMissing();
    const person = await this.#personOf(principal);
    const reach = rule[principal.role];
    if (reach === undefined) {
      throw new Problem('forbidden', `The role ${principal.role} has no access to this.`);
    }
    if (reach === 'own') await this.ownership.check(principal, person, request, route);
    return true;
  }

  /**
   * A token outlives changes in the database. So who was deleted, deactivated, degraded or added there is judged by that as
   * soon as {@link RightsService} knows; who is not in the database (an administrator of the identity provider) by the token.
   */
  async #personOf(principal: Principal): Promise<Person | null> {
    if (this.tokens.isOpen || principal.role === 'service') return null;
    const person = await this.rights.caller(principal.sub);
    if (person === null) return null;
    if (person.status !== 'active' || rank[principal.role] > rank[person.role]) throw invalidToken();
    return person;
  }
}

const rank = { student: 0, teacher: 1, admin: 2 } as const;
