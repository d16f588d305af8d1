const marked = new WeakSet<object>();

/** For `@Transform`: the number that `read` finds in the field's own value, which depends on nothing else of the request. */
export function toNumber(read: (value: unknown) => number): (field: { value: unknown }) => number {
  const transform = ({ value }: { value: unknown }) => read(value);
  marked.add(transform);
  return transform;
}

/** Whether a function of `@Transform` was made by {@link toNumber}. */
export function isToNumber(transform: object): boolean {
  return marked.has(transform);
}
