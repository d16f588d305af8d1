import { RouteParamtypes } from '@nestjs/common/internal';

/** An argument of a handler, as its parameter decorator says. */
export interface RouteArgument {
  readonly type: RouteParamtypes | 'custom';
  readonly index: number;
  /** Of a header in lower case. */
  readonly data: unknown;
  readonly factory: unknown;
  /** Its own, beside those of the route. */
  readonly pipes: readonly unknown[];
}

const argumentKinds = new Map(
  Object.values(RouteParamtypes)
    .filter((kind) => typeof kind !== 'string')
    .map((kind) => [String(kind), kind]),
);
const ROUTE_ARGUMENTS = '__routeArguments__';
const CUSTOM_ARGUMENT = '__customRouteArgs__';

/** In the order of the arguments. */
export function routeArguments(controller: object, name: string | symbol): RouteArgument[] {
  const metadata = (Reflect.getMetadata(ROUTE_ARGUMENTS, controller, name) ?? {}) as Record<
    string,
    { index: number; data?: unknown; factory?: unknown; pipes?: unknown[] }
  >;
  const found = Object.entries(metadata).map(
    ([kind, { index, data, factory, pipes = [] }]): RouteArgument => {
      const known = kind.includes(CUSTOM_ARGUMENT)
        ? undefined
        : argumentKinds.get(kind.split(':', 1)[0] ?? '');
      const type = known ?? 'custom';
      // Nest reads an empty name as none, and gives all there is.
      const input = data === '' ? undefined : data;
      const isHeader = type === RouteParamtypes.HEADERS && typeof input === 'string';
      return { type, index, data: isHeader ? input.toLowerCase() : input, factory, pipes };
    },
  );
  return found.sort((one, other) => one.index - other.index);
}

/** @returns `undefined` where no TypeScript decorator told the compiler to write them down */
export function parameterTypes(type: object, name: string | symbol): unknown[] | undefined {
  const { prototype } = type as { prototype?: object };
  return prototype && (Reflect.getMetadata('design:paramtypes', prototype, name) as unknown[] | undefined);
}

/** Whether it takes the response, or Nest's `next`, so that what it returns is not what is sent. */
export function answersByItself(controller: object, name: string | symbol): boolean {
  const passesThrough = Reflect.getMetadata('__responsePassthrough__', controller, name) === true;
  const takes = routeArguments(controller, name).map(({ type }) => type);
  return !passesThrough && (takes.includes(RouteParamtypes.RESPONSE) || takes.includes(RouteParamtypes.NEXT));
}

/** What a parameter decorator made with `createParamDecorator` runs; decorators have no other identity. */
export function decoratorFactory(decorator: () => ParameterDecorator): unknown {
  class Probe {
    method(_argument: unknown): void {
      return undefined;
    }
  }
  decorator()(Probe.prototype, 'method', 0);
  return routeArguments(Probe, 'method')[0]?.factory;
}
