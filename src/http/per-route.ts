import type { ExecutionContext } from '@nestjs/common';

/** Where a route may be decorated; the handler's decorator goes before its controller's. */
export type RoutePlaces = [
  handler: ReturnType<ExecutionContext['getHandler']>,
  controller: ReturnType<ExecutionContext['getClass']>,
];

/** What decorators say of routes. Read once for each: a hit of the cache does little else. */
export class PerRoute<Said> {
  readonly #known = new WeakMap<object, Map<object, Said>>();
  readonly #read: (places: RoutePlaces) => Said;

  constructor(read: (places: RoutePlaces) => Said) {
    this.#read = read;
  }

  of(context: ExecutionContext): Said {
    const [handler, controller] = [context.getHandler(), context.getClass()];
    // Controllers that inherit a handler may be decorated differently.
    const ofController = this.#known.get(controller) ?? new Map<object, Said>();
    const known = ofController.get(handler);
    if (known !== undefined) return known;
    const said = this.#read([handler, controller]);
    this.#known.set(controller, ofController.set(handler, said));
    return said;
  }
}
