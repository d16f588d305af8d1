import { AsyncLocalStorage } from 'node:async_hooks';

/** The arguments a handler was called with and what it returned, before any interceptor shaped it. */
export interface HandlerCall {
  args: readonly unknown[];
  result: unknown;
}

const calls = new AsyncLocalStorage<HandlerCall | undefined>();

/** Runs `handle` so that the decorated handler inside it leaves its arguments and result in `call`. */
export function observeCall<T>(call: HandlerCall, handle: () => T): T {
  return calls.run(call, handle);
}

/** Called in a decorated handler's place. */
export function recordCall(args: readonly unknown[], run: () => unknown): unknown {
  const call = calls.getStore();
  if (!call) return run();
  // Another cached handler that this one calls must not leave its arguments here.
  const returned = calls.run(undefined, run);
  call.args = args;
  call.result = returned;
  if (!(returned instanceof Promise)) return returned;
  return returned.then((result: unknown) => {
    call.result = result;
    return result;
  });
}
