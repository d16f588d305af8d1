import type { ExecutionContext } from '@nestjs/common';

/** Where decorators of a route may stand: what the handler says goes before what its controller says. */
export type RoutePlaces = [
  handler: ReturnType<ExecutionContext['getHandler']>,
  controller: ReturnType<ExecutionContext['getClass']>,
];

/** What decorators say of routes, read once for each: a hit of the cache has little else to do. */
export class PerRoute<Said> {
  readonly #known = new WeakMap<object, Map<object, Said>>();
  readonly #read: (places: RoutePlaces) => Said;

  constructor(read: (places: RoutePlaces) => Said) {
    this.#read = read;
  }

  of(context: ExecutionContext): Said {
    const [handler, controller] = [context.getHandler(), context.getClass()];
    // Controllers that inherit a handler may each say something else.
    const ofController = this.#known.get(controller) ?? new Map<object, Said>();
    const known = ofController.get(handler);
    if (known !== undefined) return known;
    const said = this.#read([handler, controller]);
    this.#known.set(controller, ofController.set(handler, said));
    return said;
  }
}
