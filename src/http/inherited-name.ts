/**
 * The first own field whose name every object inherits, such as `toString` or `__proto__`. No DTO declares one, but
 * class-transformer and class-validator do not see it as unknown.
 */
export function inheritedName(value: object): string | undefined {
  return Object.keys(value).find((name) => name in Object.prototype);
}
