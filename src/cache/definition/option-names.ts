import { CacheError } from '../engine/cache-errors.js';

/** All names of `Options`: the compiler says when one is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Types do not hold where options come from JavaScript or were put together elsewhere, and a misspelt one would go unheard.
 *
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for a name that is none, with those that are; and for what has no names
 */
export function checkNames(options: object, names: Readonly<Record<string, true>>, where: string): void {
  if (Object(options) !== options)
    throw new CacheError(
      'CACHE_INVALID_OPTIONS',
      `${where}: options are an object, and not ${(options as unknown) === null ? 'null' : typeof options}.`,
    );
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue;
    const known = Object.keys(names).join(', ');
    throw new CacheError(
      'CACHE_INVALID_OPTIONS',
      `${where}: there is no option '${name}'. There are: ${known}.`,
    );
  }
}
