import { applyDecorators, SetMetadata } from '@nestjs/common';
import type { PrincipalRole } from './principal.js';
import type { IdName } from './id-names.js';

/**
 * How far a role reaches on a route:
 * - `all`: everything;
 * - `own`: the guard compares the ids in the path, and those that the handler reads of query and body, with what belongs
 *   to the caller, else answers 404;
 * - `listed`: the route is a list that its service narrows to what belongs to the caller.
 */
type Reach = 'all' | 'own' | 'listed';

/** Roles that are not named get 403. */
export type AccessRule = Partial<Record<PrincipalRole, Reach>>;

export const ACCESS_RULE = Symbol('access rule');
export const CREATED_ID = Symbol('created id');
export const PUBLIC_ROUTE = Symbol('public route');

interface AccessOptions {
  /** The id in the body that a `POST` gives to something new: it belongs to nobody yet, so the guard leaves it alone. */
  creates?: IdName;
}

/** Who may call this route. A route with neither this nor {@link Public} stops the boot. */
export const Access = (rule: AccessRule, { creates }: AccessOptions = {}) =>
  applyDecorators(SetMetadata(ACCESS_RULE, rule), SetMetadata(CREATED_ID, creates));

/** Open to everyone, without credentials: probes, the front page, the API's own description. */
export const Public = () => SetMetadata(PUBLIC_ROUTE, true);
