/** Who shares an answer. */
export type Scope = 'shared' | 'user' | 'tenant';

/** Whether an answer belongs to one principal or one tenant, whose id is in its key. */
export function isPersonal(scope: Scope | undefined): scope is 'user' | 'tenant' {
  return scope === 'user' || scope === 'tenant';
}
