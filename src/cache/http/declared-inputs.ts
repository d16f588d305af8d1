import { RouteParamtypes } from '@nestjs/common/internal';
import type { CacheRequest } from '../definition/cache-request.js';
import { CacheError } from '../engine/cache-errors.js';
import { classProperties } from './class-properties.js';
import { renamedProperty } from './renamed-property.js';
import { parameterTypes, routeArguments, type RouteArgument } from './route-arguments.js';

const CUSTOM = 'a custom parameter decorator';

/** Something a handler declares that it reads of a request, as it arrives, before any pipe. */
export interface DeclaredInput {
  readonly name: string;
  /** Whether it is a header, so that `Vary` must name it. */
  readonly isHeader?: true;
  readonly read: (request: CacheRequest) => unknown;
}

/**
 * The inputs of a handler, read from its own parameter decorators.
 *
 * @param principalFactories  custom decorators that only read the principal
 * @throws {CacheError} `CACHE_UNDECLARED_INPUT` if it reads something whose name cannot be known
 */
export function declaredInputs(
  controller: object,
  name: string | symbol,
  where: string,
  principalFactories: ReadonlySet<unknown>,
): DeclaredInput[] {
  const inputs: DeclaredInput[] = [];
  const unknown: string[] = [];
  let isRenamed = false;
  for (const argument of routeArguments(controller, name)) {
    if (argument.type === RouteParamtypes.RESPONSE) continue;
    if (argument.type === 'custom' && principalFactories.has(argument.factory)) continue;
    const type = parameterTypes(controller, name)?.[argument.index];
    const named = namedInputs(argument, type);
    const renamed = named && argument.data === undefined ? renamedProperty(type, named) : undefined;
    if (renamed !== undefined) {
      isRenamed = true;
      unknown.push(
        `'${renamed.name}' of a query class, whose value ${renamed.by} may take from another parameter`,
      );
    } else if (named) inputs.push(...named);
    else unknown.push(asWritten(argument));
  }
  const names = inputs.map((input) => input.name);
  const twice = names.find((input, index) => names.indexOf(input) !== index);
  if (twice !== undefined) unknown.push(`two inputs named '${twice}' (rename one)`);
  if (unknown.length === 0) return inputs;
  const principals = unknown.includes(CUSTOM)
    ? " A decorator that only reads who asks goes with scope: 'user', and with its name in principalDecorators of CacheModule."
    : '';
  const mend =
    isRenamed && unknown.length === 1
      ? 'Give @Cached a `key`.'
      : "Declare what it reads (@Param('x'), @Query('x'), a query class with class-validator's decorators) or give @Cached a `key`.";
  throw new CacheError(
    'CACHE_UNDECLARED_INPUT',
    `${where} reads ${unknown.join(', ')}, so its key cannot be known. ${mend}${principals}`,
  );
}

/** The arguments of a handler that take the whole query, and the names that it declares of it. */
interface WholeQuery {
  readonly names: ReadonlySet<string>;
  readonly taken: readonly { readonly type: unknown; readonly pipes: readonly unknown[] }[];
}

/** @returns `undefined` where it takes parameters by name only */
export function wholeQuery(controller: object, name: string | symbol): WholeQuery | undefined {
  const queries = routeArguments(controller, name)
    .filter(({ type }) => type === RouteParamtypes.QUERY)
    .map((argument) => ({ argument, type: parameterTypes(controller, name)?.[argument.index] }));
  const taken = queries
    .filter(({ argument }) => argument.data === undefined)
    .map(({ argument: { pipes }, type }) => ({ type, pipes }));
  if (taken.length === 0) return undefined;
  const inputs = queries.flatMap(({ argument, type }) => namedInputs(argument, type) ?? []);
  return { taken, names: new Set(inputs.map((input) => input.name)) };
}

/** @returns `undefined` where it reads something whose name cannot be known */
function namedInputs({ type, data }: RouteArgument, parameter: unknown): DeclaredInput[] | undefined {
  if (typeof data === 'string') {
    if (type === RouteParamtypes.PARAM) return [{ name: data, read: (request) => request.params[data] }];
    if (type === RouteParamtypes.QUERY) return [{ name: data, read: (request) => request.query[data] }];
    if (type === RouteParamtypes.HEADERS)
      return [{ name: data, isHeader: true, read: (request) => request.headers[data] }];
  }
  if (type === RouteParamtypes.QUERY) {
    return classProperties(parameter)?.map((name) => ({ name, read: (request) => request.query[name] }));
  }
  return undefined;
}

function asWritten({ type }: RouteArgument): string {
  if (type === 'custom') return CUSTOM;
  const words = RouteParamtypes[type].toLowerCase().split('_');
  return `@${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}()`;
}
