import { hash } from 'node:crypto';
import { CacheError } from './cache-errors.js';
import { className, encodeValue, isRecord } from './value-codec.js';

/** The inputs of a route that are part of its key, by name: values as they arrived, before any pipe. */
export type KeyInputs = Readonly<Record<string, unknown>>;

/**
 * The text that names a route's answer: `prefix|path` and, if the handler declares inputs, `|` + their JSON with sorted
 * keys and Python's separators. Absent inputs are `null`. The documented keys of the platform depend on this recipe.
 *
 * @throws {CacheError} what {@link pythonJson} throws; also if `inputs` is `null` or `undefined`
 */
export function routeKeyText(prefix: string, path: string, inputs: KeyInputs): string {
  const json = pythonJson(inputs);
  if (json === 'null') throw unkeyable('nothing');
  return json === '{}' ? `${prefix}|${path}` : `${prefix}|${path}|${json}`;
}

/**
 * The text that names a provider method's value. Arguments of different types give different texts, and none can imitate a
 * separator.
 *
 * @throws {CacheError} `CACHE_UNSERIALISABLE` for what {@link encodeValue} refuses, and for objects that differ only in what
 *   symbols name, or in what they inherit from an object that is no class
 */
export function methodKeyText(prefix: string, method: string, args: readonly unknown[]): string {
  const texts = Array.from(args, (argument) => encodeValue(argument, { asKey: true }));
  return `${prefix}|${method}|[${texts.join(',')}]`;
}

/**
 * Adds the principal, tenant or controller to a key; as JSON, so that no id can imitate a separator.
 *
 * @param id  a text, a finite number or a bigint
 * @throws {CacheError} `CACHE_UNSERIALISABLE` for anything else, such as a promise: its text would be the same for everybody
 */
export function scopedKeyText(text: string, scope: 'user' | 'tenant' | 'class', id: unknown): string {
  if (typeof id === 'bigint') return `${text}|${scope}:${id}`;
  if (typeof id !== 'string' && typeof id !== 'number') throw unkeyable(`as ${scope} a ${typeof id}`);
  return `${text}|${scope}:${pythonJson(id)}`;
}

/** The key under which an entry lies in a shared store: `cache:{prefix}:{md5}`. */
export function storeKey(prefix: string, keyText: string): string {
  return `cache:${prefix}:${hash('md5', keyText, 'hex')}`;
}

/**
 * JSON as Python's `json.dumps(value, sort_keys=True)` writes it.
 *
 * @throws {CacheError} `CACHE_UNSERIALISABLE` for what JSON would turn into something else: a Date, Map or Set, `NaN`
 */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    if (!isRecord(value)) throw unkeyable(`a ${className(value)}`);
    const fields = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${pythonJson(key)}: ${pythonJson(field)}`);
    return `{${fields.join(', ')}}`;
  }
  const isScalar = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  if (!isScalar && value !== undefined && value !== null) throw unkeyable(`a ${typeof value}`);
  return escapeNonAscii(JSON.stringify(value ?? null));
}

function unkeyable(what: string): CacheError {
  return new CacheError('CACHE_UNSERIALISABLE', `${what} has no form that a key could hold`);
}

function escapeNonAscii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
