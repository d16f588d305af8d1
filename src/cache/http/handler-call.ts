import { isObservable, tap } from 'rxjs';
import { AsyncScope } from '../engine/async-scope.js';
import { isThenable } from '../engine/thenable.js';
import type { ObservedCall } from './observed-call.js';

interface Running {
  /** Whose run this is, for whoever meets something that the run does. */
  readonly owner: object;
  /** Is told of the handler's call, once. */
  readonly observed: ObservedCall | undefined;
}

const running = new AsyncScope<Running>();

/** Runs `handle` so that `observed` is told of the call of the decorated handler inside it. */
export function observeCall<T>(owner: object, observed: ObservedCall, handle: () => Promise<T>): Promise<T> {
  return running.run({ owner, observed }, handle);
}

/** Whether the code that asks was called, however indirectly, by the run of `owner`. */
export function isInsideRunOf(owner: object): boolean {
  return running.current?.owner === owner;
}

/**
 * Called in a decorated handler's place.
 *
 * @returns what the handler returned. In place of a thenable that is no promise, such as a database query, a promise: the
 *   query would run once more for each `then`
 */
export function recordCall(args: readonly unknown[], run: () => unknown): unknown {
  const { owner, observed } = running.current ?? {};
  if (!owner || !observed) return run();
  observed.called(args);
  const told = <T>(result: T): T => {
    observed.returned(result);
    return result;
  };
  const observe = (value: unknown) => (isObservable(value) ? value.pipe(tap(told)) : told(value));
  // Another cached handler that this one calls must not leave its arguments here.
  const returned = running.runPart({ owner, observed: undefined }, () => asPromise(run()));
  return returned instanceof Promise ? returned.then(observe) : observe(returned);
}

function asPromise(value: unknown): unknown {
  return isThenable(value) ? Promise.resolve(value) : value;
}
