import { RouteParamtypes } from '@nestjs/common/internal';
import type { CacheRequest } from '../definition/cache-request.js';
import { field, type Resolve } from '../definition/tag-template.js';
import { CacheError } from '../engine/cache-errors.js';
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

/** Placeholders of a route: declared parameters by name, `{body.x}` fields of the body; from the call's arguments. */
export function fromRouteArguments(
  controller: object,
  name: string | symbol,
  args: readonly unknown[],
): Resolve {
  const declared = routeArguments(controller, name);
  return (placeholder) => {
    const [head = '', ...fields] = placeholder.split('.');
    if (head === 'body' && fields.length > 0) {
      const whole = declared.find(({ type, data }) => type === RouteParamtypes.BODY && data === undefined);
      const part = declared.find(({ type, data }) => type === RouteParamtypes.BODY && data === fields[0]);
      if (part) return fields.slice(1).reduce<unknown>(field, args[part.index]);
      return whole && fields.reduce<unknown>(field, args[whole.index]);
    }
    const named = declared.find(
      ({ type, data }) => isNamed(type) && isCalled(data, type === RouteParamtypes.HEADERS, placeholder),
    );
    if (named) return args[named.index];
    const whole = declared.find(({ type, data }) => type === RouteParamtypes.QUERY && data === undefined);
    return whole && field(args[whole.index], placeholder);
  };
}

/** The names that templates of this route may use. */
export function templateNames(controller: object, name: string | symbol): (placeholder: string) => boolean {
  const declared = routeArguments(controller, name);
  const isDeclared = (placeholder: string) =>
    declared.some(({ type, data, index }) => {
      if (type === RouteParamtypes.QUERY && data === undefined)
        return properties(parameterTypes(controller, name)?.[index])?.includes(placeholder);
      return isNamed(type) && isCalled(data, type === RouteParamtypes.HEADERS, placeholder);
    });
  const bodies = declared.filter(({ type }) => type === RouteParamtypes.BODY);
  return (placeholder) => {
    if (!placeholder.startsWith('body.')) return isDeclared(placeholder);
    const first = placeholder.split('.')[1] ?? '';
    return bodies.some(
      ({ data, index }) =>
        data === first ||
        (data === undefined && hasProperty(parameterTypes(controller, name)?.[index], first)),
    );
  };
}

/** Which of the names that templates of this route use is that of two inputs, so that nobody can say which is meant. */
export function ambiguousName(
  controller: object,
  name: string | symbol,
  placeholders: readonly string[],
): string | undefined {
  const declared = routeArguments(controller, name).filter(({ type }) => isNamed(type));
  return placeholders.find((placeholder) => {
    const meant = declared.filter(({ type, data }) =>
      isCalled(data, type === RouteParamtypes.HEADERS, placeholder),
    );
    return new Set(meant.map(({ type }) => type)).size > 1;
  });
}

/** The input that a template of a cached route names so. */
export function inputNamed(inputs: readonly DeclaredInput[], placeholder: string): DeclaredInput | undefined {
  return inputs.find(({ name, isHeader = false }) => isCalled(name, isHeader, placeholder));
}

/** Headers have one name in any spelling. */
function isCalled(name: unknown, isHeader: boolean, placeholder: string): boolean {
  return name === (isHeader ? placeholder.toLowerCase() : placeholder);
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
    return properties(parameter)?.map((name) => ({ name, read: (request) => request.query[name] }));
  }
  return undefined;
}

function asWritten({ type }: RouteArgument): string {
  if (type === 'custom') return CUSTOM;
  const words = RouteParamtypes[type].toLowerCase().split('_');
  return `@${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}()`;
}

function isNamed(type: RouteArgument['type']): boolean {
  return type === RouteParamtypes.PARAM || type === RouteParamtypes.QUERY || type === RouteParamtypes.HEADERS;
}

function hasProperty(type: unknown, name: string): boolean {
  return properties(type)?.includes(name) ?? true;
}

interface ValidationMetadata {
  getTargetValidationMetadatas: (
    ...args: [type: unknown, schema: string, ...flags: boolean[]]
  ) => { propertyName: string }[];
}

/** The accepted properties of a query or body class, from class-validator or the Swagger plugin, whichever is in use. */
function properties(type: unknown): string[] | undefined {
  if (typeof type !== 'function' || type === Object) return undefined;
  const storage = (globalThis as { classValidatorMetadataStorage?: ValidationMetadata })
    .classValidatorMetadataStorage;
  const validated =
    storage?.getTargetValidationMetadatas(type, '', false, false).map((entry) => entry.propertyName) ?? [];
  const { _OPENAPI_METADATA_FACTORY: described } = type as { _OPENAPI_METADATA_FACTORY?: () => object };
  if (!described && validated.length === 0) return undefined;
  return [...new Set([...validated, ...Object.keys(described?.() ?? {})])];
}
