/**
 * Puts `Date` so far ahead, or behind where that is below zero. What counts time from no date goes right: timers,
 * `performance.now()`, `process.hrtime()`.
 *
 * @returns puts it right again
 */
export function shiftDate(aheadMs: number): () => void {
  const RightDate = Date;
  const now = () => RightDate.now() + aheadMs;
  globalThis.Date = new Proxy(RightDate, {
    apply: () => new RightDate(now()).toString(),
    construct: (target, parts: unknown[], made) =>
      Reflect.construct(target, parts.length === 0 ? [now()] : parts, made) as Date,
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
  return () => {
    globalThis.Date = RightDate;
  };
}
