import { CacheError } from '../engine/cache-errors.js';

/** Replies that have no code of their own. Those about rights in a script: of Redis 7.0, and of 7.2 and later. */
const WITHOUT_CODE: readonly (readonly [reply: RegExp, reason: string])[] = [
  [/^ERR (The user executing the script can't |ACL failure in script)/, 'NOPERM'],
  [/^ERR DB index is out of range/, 'DB_INDEX'],
  [/^ERR max number of clients reached/, 'MAXCLIENTS'],
];

/** Codes of a server that does not accept our password or user, or does not allow what we need. */
const REFUSAL = /^(WRONGPASS|NOAUTH|NOPERM)$/;

/** Whether a person has to change something before the server lets us in. */
export function isRefusal(reason: string): boolean {
  return REFUSAL.test(reason);
}

/** A word for logs: the system's or the server's own code. Never a text that could hold a secret. */
export function failureReason(error: unknown): string {
  if (error instanceof CacheError) return error.message;
  const { code, message, errors } = (error ?? {}) as { code?: unknown; message?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  if (Array.isArray(errors) && errors.length > 0) return failureReason(errors[0]);
  const text = String(message);
  const known = WITHOUT_CODE.find(([reply]) => reply.test(text))?.[1];
  return (
    known ?? /^[A-Z]{3,}\b/.exec(text)?.[0] ?? (error as object | undefined)?.constructor.name ?? 'unknown'
  );
}
