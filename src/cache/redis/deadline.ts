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
    timer = setTimeout(() => {
      reject(new CacheError('CACHE_STORE_UNAVAILABLE', 'timeout'));
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
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError && error.errors.length > 0) return failureReason(error.errors[0]);
  return /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.name;
}
