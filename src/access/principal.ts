export const principalRoles = ['student', 'teacher', 'admin', 'service'] as const;
export type PrincipalRole = (typeof principalRoles)[number];

/** The longest `sub`, in characters. */
export const maxSubLength = 200;

/** Who is calling: `sub` is the user's code (`STU001`, `TEACH001`) or the name of a service. */
export interface Principal {
  readonly sub: string;
  readonly role: PrincipalRole;
}
