/**
 * The first of the names in an object that every object has, such as `toString` or `__proto__`. No DTO declares one, and
 * neither class-transformer nor class-validator sees it as unknown.
 */
export function inheritedName(value: object): string | undefined {
  return Object.keys(value).find((name) => name in Object.prototype);
}
