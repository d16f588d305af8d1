import { CacheError } from '../engine/cache-errors.js';

/**
 * Waits for `work` no longer than `ms`. The client's own timeouts do not cover a command already written to a server
 * that has stopped answering, so every call goes through here. The command itself is not undone.
 *
 * @throws {CacheError} `CACHE_STORE_UNAVAILABLE` with the reason `timeout`
 */
export async function withDeadline<T>(ms: number, work: Promise<T>): Promise<T> {
  let stop: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    stop = whenOverdue(ms, () => {
      reject(new CacheError('CACHE_STORE_UNAVAILABLE', 'timeout'));
    });
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop?.();
  }
}

/**
 * Runs `tell` after `ms`, and not before what has arrived by then has been read: after a stall of this process timers run
 * before sockets are read, and its own delay must not look like another's.
 *
 * @returns takes it back
 */
export function whenOverdue(ms: number, tell: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(tell);
  }, ms);
  timer.unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

/** Replies that Redis gives no code of their own; those about rights in a script are of Redis 7.0, and of 7.2 and later. */
const WITHOUT_CODE: readonly (readonly [reply: RegExp, reason: string])[] = [
  [/^ERR (The user executing the script can't |ACL failure in script)/, 'NOPERM'],
  [/^ERR DB index is out of range/, 'DB_INDEX'],
  [/^ERR max number of clients reached/, 'MAXCLIENTS'],
];

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
