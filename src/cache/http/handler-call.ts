import { isObservable, tap } from 'rxjs';
import { AsyncScope } from '../engine/async-scope.js';

/** The arguments a handler was called with and what it returned, before any interceptor shaped it. */
export interface HandlerCall {
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

/** Called in a decorated handler's place. */
export function recordCall(args: readonly unknown[], run: () => unknown): unknown {
  const { owner, call } = running.current ?? {};
  if (!owner || !call) return run();
  call.args = args;
  // Another cached handler that this one calls must not leave its arguments here.
  const returned = running.runPart({ owner, call: undefined }, run);
  call.result = returned;
  const keep = (result: unknown) => {
    call.result = result;
  };
  if (isObservable(returned)) return returned.pipe(tap(keep));
  if (!(returned instanceof Promise)) return returned;
  return returned.then((result: unknown) => {
    keep(result);
    return result;
  });
}
