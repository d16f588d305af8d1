/**
 * What a function of the application gave that should have given it at once. From JavaScript it may be a promise, which is
 * no such thing; nobody waits for it, and it must not end the process when it rejects.
 */
export function ignoringRejection<T>(value: T): T {
  if (value instanceof Promise) value.catch(() => undefined);
  return value;
}
