import { isObservable, tap } from 'rxjs';
import { AsyncScope } from '../engine/async-scope.js';

/** The arguments a handler was called with and what it returned, before any interceptor shaped it. */
export interface HandlerCall {
  /** Whether it was called at all: a pipe may refuse, and an interceptor answer in its place. */
  isReached: boolean;
  args: readonly unknown[];
  result: unknown;
}

interface Running {
  /** Whose run this is, for whoever meets something that the run does. */
  readonly owner: object;
  /** Where the handler leaves what is known of its call; once only. */
  readonly call: HandlerCall | undefined;
}

const running = new AsyncScope<Running>();

/** Runs `handle` so that the decorated handler inside it leaves its arguments and result in the returned call. */
export function observeCall<T>(owner: object, call: HandlerCall, handle: () => Promise<T>): Promise<T> {
  return running.run({ owner, call }, handle);
}

/** Whether the code that asks was called, however indirectly, by the run of `owner`. */
export function isInsideRunOf(owner: object): boolean {
  return running.current?.owner === owner;
}

/**
 * Called in a decorated handler's place.
 *
 * @returns what the handler returned; a promise in place of a thenable that is none, such as a database query, which would
 *   run once more for each who asks it
 */
export function recordCall(args: readonly unknown[], run: () => unknown): unknown {
  const { owner, call } = running.current ?? {};
  if (!owner || !call) return run();
  call.isReached = true;
  call.args = args;
  const keep = <T>(result: T): T => {
    call.result = result;
    return result;
  };
  const observe = (value: unknown) => (isObservable(value) ? value.pipe(tap(keep)) : keep(value));
  // Another cached handler that this one calls must not leave its arguments here.
  const returned = running.runPart({ owner, call: undefined }, () => asPromise(run()));
  return returned instanceof Promise ? returned.then(observe) : observe(returned);
}

function asPromise(value: unknown): unknown {
  const isThenable = typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
  return isThenable ? Promise.resolve(value) : value;
}
