import { CacheError } from '../engine/cache-errors.js';

/** All names of `Options`; the compiler notices if one is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Finds misspelt options. The compiler does not, where they come from JavaScript or were put together elsewhere.
 *
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for an unknown name, listing the known ones; and for what is no object
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
