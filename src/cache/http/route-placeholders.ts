import { RouteParamtypes } from '@nestjs/common/internal';
import { field, type Resolve } from '../definition/tag-template.js';
import { classProperties } from './class-properties.js';
import type { DeclaredInput } from './declared-inputs.js';
import { parameterTypes, routeArguments, type RouteArgument } from './route-arguments.js';

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
        return classProperties(parameterTypes(controller, name)?.[index])?.includes(placeholder);
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

/** The same for a message, `body.…` for what the body may have. */
export function declaredNames(controller: object, name: string | symbol): string[] {
  return routeArguments(controller, name).flatMap(({ type, data, index }) => {
    if (type === RouteParamtypes.BODY) return `body.${typeof data === 'string' ? data : '…'}`;
    if (type === RouteParamtypes.QUERY && data === undefined)
      return classProperties(parameterTypes(controller, name)?.[index]) ?? [];
    return isNamed(type) && typeof data === 'string' ? data : [];
  });
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

function isNamed(type: RouteArgument['type']): boolean {
  return type === RouteParamtypes.PARAM || type === RouteParamtypes.QUERY || type === RouteParamtypes.HEADERS;
}

function hasProperty(type: unknown, name: string): boolean {
  return classProperties(type)?.includes(name) ?? true;
}
