import { CacheError } from '../engine/cache-errors.js';

/**
 * Waits for `work` no longer than `ms`. The client's own timeouts do not cover a command already written to a server
 * that has stopped answering, so every call goes through here. The command itself is not undone.
 *
 * @throws {CacheError} `CACHE_STORE_UNAVAILABLE` with the reason `timeout`
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // After a stall of this process timers run before sockets are read: an answer that is already here must win.
    timer = setTimeout(() => {
      setImmediate(reject, new CacheError('CACHE_STORE_UNAVAILABLE', 'timeout'));
    }, ms);
    timer.unref();
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A word for logs: the system's or the server's own code. Never a text that could hold a secret. */
export function failureReason(error: unknown): string {
  if (error instanceof CacheError) return error.message;
  const { code, message, errors } = (error ?? {}) as { code?: unknown; message?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  if (Array.isArray(errors) && errors.length > 0) return failureReason(errors[0]);
  const replied = /^[A-Z]{3,}\b/.exec(String(message))?.[0];
  return replied ?? (error as object | undefined)?.constructor.name ?? 'unknown';
}
