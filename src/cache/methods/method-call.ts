import { isObservable, lastValueFrom } from 'rxjs';

/** One call of a decorated method. */
export interface MethodCall {
  readonly self: object;
  /** The function that stands in the method's place. */
  readonly method: object;
  readonly args: unknown[];
  readonly run: () => unknown;
}

/** What a run comes to: of a promise its value, of an Observable the last one, `undefined` where it has none. */
export async function resultOf(run: MethodCall['run']): Promise<unknown> {
  const returned = await run();
  return isObservable(returned) ? lastValueFrom(returned, { defaultValue: undefined }) : returned;
}
