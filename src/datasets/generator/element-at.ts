/** The element at `index`. @throws {RangeError} when there is none, which would be a mistake of the generator. */
export function elementAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no element ${index} of ${items.length}`);
  return item;
}
