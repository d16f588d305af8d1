import { inspect } from 'node:util';
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

/** What an option may be, as its message says it. */
const kinds = {
  'a function': (value: unknown) => typeof value === 'function',
  'a text': (value: unknown) => typeof value === 'string',
  'true or false': (value: unknown) => typeof value === 'boolean',
  'true, false or a function': (value: unknown) => typeof value === 'boolean' || typeof value === 'function',
} as const;

type Kind = keyof typeof kinds;

/** The kinds of those `Options` that are checked by it alone. */
export type OptionKinds<Options> = Readonly<{ [Name in keyof Options]?: Kind }>;

/**
 * Finds options of the wrong kind, for the same reason. One that is not given is of none.
 *
 * @throws {CacheError} `CACHE_INVALID_OPTIONS` for the first, with what it may be
 */
export function checkKinds<Options extends object>(
  options: Options,
  kindOf: OptionKinds<Options>,
  where: string,
): void {
  for (const [name, kind] of Object.entries(kindOf) as [keyof Options & string, Kind][]) {
    const value = options[name];
    if (value === undefined || kinds[kind](value)) continue;
    throw new CacheError(
      'CACHE_INVALID_OPTIONS',
      `${where}: ${name} must be ${kind}, not ${inspect(value, { depth: 0 })}.`,
    );
  }
}
