// Loaded before a process (`--import`) whose machine has a wrong clock: `Date` is CLOCK_AHEAD_MS ahead, or behind where that
// is below zero. What counts time from no date goes right there, too: timers, `performance.now()`, `process.hrtime()`.
const aheadMs = Number(process.env.CLOCK_AHEAD_MS);
const RightDate = Date;
const now = () => RightDate.now() + aheadMs;

globalThis.Date = new Proxy(RightDate, {
  apply: () => new RightDate(now()).toString(),
  construct: (target, parts: unknown[], made) =>
    Reflect.construct(target, parts.length === 0 ? [now()] : parts, made) as Date,
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
});
