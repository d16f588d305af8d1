/** Whether it can be awaited: a promise, or what only has a `then`, such as a database query that waits to be asked for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
