import { isDate, isMap, isSet } from 'node:util/types';
import { CacheError } from './cache-errors.js';

/*
 * JSON that also keeps dates, bigints and the like. A value that has no JSON form of its own becomes `{"$type": text}`. A key
 * that starts with `$` gets another `$` in front, so that no object of a caller is mistaken for such a form.
 */
const markers = { date: '$date', bigint: '$bigint', undefined: '$undefined', number: '$number' } as const;

/** Names the form in which values are written, so that a version with another form does not read them. */
export const VALUE_FORM = 'value-1';

/**
 * Writes any plain value as text; keys are sorted, so equal values give equal text.
 *
 * Dates, bigints, `undefined`, `NaN`, infinities and `-0` come back as they were. Class instances come back as plain
 * objects of their own fields (or of their `toJSON`). Fields that symbols name are lost.
 *
 * @param asKey  also writes the name of an instance's class, and the own fields of one with `toJSON`, so that different values
 *   never give equal text; what no text could tell apart is refused
 * @throws {CacheError} `CACHE_UNSERIALISABLE` for functions, symbols, cycles, maps, sets, buffers and other objects without
 *   fields to show, and lists with fields of their own
 */
export function encodeValue(value: unknown, { asKey = false } = {}): string {
  return encode(value, { parents: [], asKey });
}

/** Reads back what {@link encodeValue} wrote. Every call gives a new copy. */
export function decodeValue(text: string): unknown {
  return decode(JSON.parse(text));
}

interface Place {
  readonly parents: readonly object[];
  readonly asKey: boolean;
}

function encode(value: unknown, place: Place): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? JSON.stringify(value)
        : marked(markers.number, Object.is(value, -0) ? '-0' : String(value));
    case 'bigint':
      return marked(markers.bigint, value.toString());
    case 'undefined':
      return marked(markers.undefined, '');
    case 'object':
      return value === null ? 'null' : encodeObject(value, place);
    default:
      throw new CacheError('CACHE_UNSERIALISABLE', `a ${typeof value} cannot be stored`);
  }
}

function encodeObject(value: object, place: Place): string {
  const { parents, asKey } = place;
  if (parents.includes(value))
    throw new CacheError('CACHE_UNSERIALISABLE', 'a value that contains itself cannot be stored');
  const inside = { ...place, parents: [...parents, value] };
  const named = (text: string) => (asKey ? withClass(value, text) : text);
  if (asKey) refuseUnseenFields(value);
  if (isDate(value)) {
    if (asKey && Object.keys(value).length > 0) throw withoutText('that is a date with fields of its own');
    return named(marked(markers.date, Number.isNaN(value.getTime()) ? '' : value.toISOString()));
  }
  if (isMap(value) || isSet(value) || ArrayBuffer.isView(value)) throw unstorable(value);
  if (Array.isArray(value)) {
    refuseFieldsBesideItems(value);
    return named(`[${Array.from(value, (item) => encode(item, inside)).join(',')}]`);
  }
  if (hasToJson(value)) {
    const told = encode(value.toJSON(), inside);
    const isWhole = !asKey || Object.keys(value).length === 0;
    return named(isWhole ? told : `{"$json":${told},"of":${encodeFields(value, inside)}}`);
  }
  if (!isRecord(value)) throw unstorable(value);
  return named(encodeFields(value, inside));
}

function encodeFields(value: object, place: Place): string {
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([key, field]) => `${JSON.stringify(key.startsWith('$') ? `$${key}` : key)}:${encode(field, place)}`,
    );
  return `{${fields.join(',')}}`;
}

/** Adds the name of an instance's class to its text. */
function withClass(value: object, text: string): string {
  const name = className(value);
  if (name === '') throw withoutText('of a class without a name');
  return /^(Object|Array|Date)$/.test(name) ? text : `{"$class":${JSON.stringify(name)},"of":${text}}`;
}

/** `Object` for an object without a class. */
export function className(value: object): string {
  const { constructor } = (Object.getPrototypeOf(value) ?? {}) as { constructor?: unknown };
  return typeof constructor === 'function' ? constructor.name : 'Object';
}

function refuseUnseenFields(value: object): void {
  if (hasShownSymbols(value)) throw withoutText('with symbols for names');
  const prototype = Object.getPrototypeOf(value) as { constructor?: { prototype?: unknown } } | null;
  if (prototype === null || prototype === Object.prototype || isRealmsObject(prototype)) return;
  // Made by `Object.create` from an object that is no class: it inherits fields that the text would not show.
  if (prototype.constructor?.prototype !== prototype) throw withoutText('made from another');
}

function refuseFieldsBesideItems(list: readonly unknown[]): void {
  // `Object.keys` gives indices first.
  const last = Object.keys(list).at(-1);
  if (last !== undefined && !/^\d+$/.test(last)) throw withoutText('that is a list with fields of its own');
}

function hasShownSymbols(value: object): boolean {
  const isShown = (symbol: symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol);
  return Object.getOwnPropertySymbols(value).some(isShown);
}

function unstorable(value: object): CacheError {
  return new CacheError('CACHE_UNSERIALISABLE', `a ${className(value)} cannot be stored`);
}

function withoutText(kind: string): CacheError {
  return new CacheError('CACHE_UNSERIALISABLE', `an object ${kind} has no text of its own`);
}

/** Whether an object consists of its own fields. Private fields beside public ones cannot be noticed. */
export function isRecord(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  const isOrdinary = Object.prototype.toString.call(value) === '[object Object]';
  return isOrdinary && (isRealmsObject(prototype as object) || Object.keys(value).length > 0);
}

/** `Object.prototype` of another realm, such as a worker's, or an empty object in its place, as parsed queries have. */
function isRealmsObject(prototype: object): boolean {
  const isEmpty = Object.keys(prototype).length === 0 && !hasShownSymbols(prototype);
  return isEmpty && Object.getPrototypeOf(prototype) === null;
}

function hasToJson(value: object): value is { toJSON: () => unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

function marked(marker: string, text: string): string {
  return `{"${marker}":${JSON.stringify(text)}}`;
}

function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first && typeof first[1] === 'string' && /^\$[^$]/.test(first[0])) {
    return unmarked(first[0], first[1]);
  }
  return Object.fromEntries(
    entries.map(([key, field]) => [key.startsWith('$') ? key.slice(1) : key, decode(field)]),
  );
}

function unmarked(marker: string, text: string): unknown {
  switch (marker) {
    case markers.date:
      return new Date(text);
    case markers.bigint:
      return BigInt(text);
    case markers.number:
      return Number(text);
    case markers.undefined:
      return undefined;
    default:
      throw new CacheError('CACHE_UNSERIALISABLE', 'the stored value has a form this version does not know');
  }
}
