import { createRequire } from 'node:module';
import { RouteParamtypes } from '@nestjs/common/internal';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { getMetadataStorage } from 'class-validator';
import type { RoutePlaces } from '../http/per-route.js';
import { isToNumber } from '../http/to-number.js';
import { idNames, type IdName } from './id-names.js';

/** The ids that a handler can read of a query or a body. */
export interface DeclaredIds {
  readonly own: readonly IdName[];
  /** Fields of any name that hold objects with fields of their own: whatever is named like an id there is one. */
  readonly nested: readonly string[];
}

/** Of the path all count: only what a route declares is there. */
export interface DeclaredSources {
  readonly query: DeclaredIds;
  readonly body: DeclaredIds;
}

const none: DeclaredIds = { own: [], nested: [] };
/** Where nobody can say what a handler reads: every id that stands there by itself, none within other fields. */
const all: DeclaredIds = { own: idNames, nested: [] };

const idless = new WeakSet<object>();

/** Marks what a parameter decorator runs: it gives the handler no id out of a query or body. */
export function givesNoId<Factory extends object>(factory: Factory): Factory {
  idless.add(factory);
  return factory;
}

/**
 * What the parameters of a handler take out of query and body. What it does not take, nobody need own: it is ignored, or
 * refused by validation. In doubt everything that stands there by itself counts as taken.
 */
export function declaredSources([handler, controller]: RoutePlaces): DeclaredSources {
  const name = nameOf(handler, controller);
  if (name === undefined) return { query: all, body: all };
  const takenArguments = argumentsOf(controller, name);
  const sourceOf = (source: Source) =>
    takenArguments.map((taken) => takenFrom(source, taken)).reduce(together, none);
  return { query: sourceOf('query'), body: sourceOf('body') };
}

type Source = 'query' | 'body';

interface TakenArgument {
  readonly kind: string;
  readonly data: unknown;
  readonly factory: object | undefined;
  readonly type: unknown;
}

function nameOf(handler: object, controller: RoutePlaces[1]): string | undefined {
  let prototype = controller.prototype as object | null;
  while (prototype && prototype !== Object.prototype) {
    const properties = Object.entries(Object.getOwnPropertyDescriptors(prototype));
    const found = properties.find(([, { value }]) => value === handler);
    if (found) return found[0];
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return undefined;
}

function argumentsOf(controller: RoutePlaces[1], name: string): TakenArgument[] {
  const taken = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as Record<
    string,
    { index: number; data?: unknown; factory?: object }
  >;
  const types = Reflect.getMetadata('design:paramtypes', controller.prototype as object, name) as
    | unknown[]
    | undefined;
  return Object.entries(taken).map(([key, { index, data, factory }]) => ({
    kind: key.split(':', 1)[0] ?? '',
    // Nest reads an empty name as none, and gives all there is.
    data: data === '' ? undefined : data,
    factory,
    type: types?.[index],
  }));
}

/** Neither query nor body. Who takes the response writes to it. */
const elsewhere = new Set(
  [
    RouteParamtypes.PARAM,
    RouteParamtypes.HEADERS,
    RouteParamtypes.RESPONSE,
    RouteParamtypes.NEXT,
    RouteParamtypes.SESSION,
    RouteParamtypes.IP,
    RouteParamtypes.HOST,
  ].map(String),
);

const kindOf: Record<Source, string> = {
  query: String(RouteParamtypes.QUERY),
  body: String(RouteParamtypes.BODY),
};

function takenFrom(source: Source, { kind, data, factory, type }: TakenArgument): DeclaredIds {
  if (elsewhere.has(kind) || (factory && idless.has(factory))) return none;
  const own = kindOf[source];
  if (kind !== own) return Object.values(kindOf).includes(kind) ? none : all;
  return typeof data === 'string' ? fieldNamed(data, type) : fieldsOf(type);
}

function fieldNamed(name: string, type: unknown): DeclaredIds {
  const isPlain = type === String || type === Number || type === Boolean;
  return { own: idNames.filter((id) => id === name), nested: isPlain ? [] : [name] };
}

/** What validation lets through of a class: all else it refuses. Objects that it does not look into hold no ids. */
function fieldsOf(type: unknown): DeclaredIds {
  if (typeof type !== 'function') return all;
  const fields = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  const names = new Set(fields.map(({ propertyName }) => propertyName));
  if (names.size === 0 || [...names].some((name) => isReadElsewhere(type, name))) return all;
  return {
    own: idNames.filter((id) => names.has(id)),
    nested: fields
      .filter(({ type: kind }) => kind === 'nestedValidation')
      .map(({ propertyName }) => propertyName),
  };
}

/** What class-transformer remembers of its decorators, in a file of its own only. */
const { defaultMetadataStorage: transformer } = createRequire(import.meta.url)(
  'class-transformer/cjs/storage.js',
) as {
  defaultMetadataStorage: {
    findExposeMetadata(type: unknown, name: string): { options?: { name?: string } } | undefined;
    findTransformMetadatas(
      type: unknown,
      name: string,
      direction: number,
    ): readonly { transformFn: object }[];
  };
};
const PLAIN_TO_CLASS = 0;

/** `@Expose({ name })` takes the value from another field, and `@Transform` may take it from any, unless all it makes is a number. */
function isReadElsewhere(type: unknown, name: string): boolean {
  return (
    (transformer.findExposeMetadata(type, name)?.options?.name ?? name) !== name ||
    transformer
      .findTransformMetadatas(type, name, PLAIN_TO_CLASS)
      .some(({ transformFn }) => !isToNumber(transformFn) || idNames.some((id) => id === name))
  );
}

function together(one: DeclaredIds, other: DeclaredIds): DeclaredIds {
  return {
    own: idNames.filter((id) => one.own.includes(id) || other.own.includes(id)),
    nested: [...new Set([...one.nested, ...other.nested])],
  };
}
