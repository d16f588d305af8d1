import { isObservable, lastValueFrom } from 'rxjs';

/** One call of a decorated method. */
export interface MethodCall {
  readonly self: object;
  /** The function that stands in the method's place. */
  readonly wrapper: object;
  readonly args: unknown[];
  readonly run: () => unknown;
}

/** The value that a run comes to: of a promise its own, of an Observable the last, or `undefined` if it has none. */
export async function resultOf(run: MethodCall['run']): Promise<unknown> {
  const returned = await run();
  return isObservable(returned) ? lastValueFrom(returned, { defaultValue: undefined }) : returned;
}
