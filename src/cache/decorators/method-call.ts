/** One call of a decorated method. */
export interface MethodCall {
  readonly self: object;
  /** The function that stands in the method's place. */
  readonly method: object;
  readonly args: unknown[];
  readonly run: () => unknown;
}
