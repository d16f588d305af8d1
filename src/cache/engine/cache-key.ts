import { createHash } from 'node:crypto';
import { encodeValue } from './value-codec.js';

/** What a method's parameters may be in a key: what arrived, before any pipe. */
export type KeyInputs = Readonly<Record<string, unknown>>;

/**
 * The text that names a route's answer: `prefix|path` and, if the handler declares inputs, `|` + their JSON with sorted
 * keys and Python's separators. Absent inputs are `null`. The documented keys of the platform depend on this recipe.
 */
export function routeKeyText(prefix: string, path: string, inputs: KeyInputs): string {
  const declared = Object.keys(inputs).length > 0;
  return declared ? `${prefix}|${path}|${pythonJson(inputs)}` : `${prefix}|${path}`;
}

/** The text that names a provider method's value: types are told apart, separators cannot be forged. */
export function methodKeyText(prefix: string, method: string, args: readonly unknown[]): string {
  return `${prefix}|${method}|${encodeValue(args)}`;
}

/** Puts the principal, tenant or controller into a key; the JSON keeps its separators from being forged. */
export function scopedKeyText(text: string, scope: 'user' | 'tenant' | 'class', id: string): string {
  return `${text}|${scope}:${pythonJson(id)}`;
}

/** The key under which an entry lies in a shared store: `cache:{prefix}:{md5}`. */
export function storeKey(prefix: string, keyText: string): string {
  return `cache:${prefix}:${createHash('md5').update(keyText).digest('hex')}`;
}

/** JSON as Python's `json.dumps(value, sort_keys=True)` writes it. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${pythonJson(key)}: ${pythonJson(field)}`);
    return `{${fields.join(', ')}}`;
  }
  return escapeNonAscii(JSON.stringify(value ?? null));
}

function escapeNonAscii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
