import { Injectable } from '@nestjs/common';
import type { RoutePlan } from './route-plan.js';

/** The plans of this application's cached routes, by controller and handler; filled once at boot. */
@Injectable()
export class RoutePlans {
  readonly #plans = new Map<object, Map<object, RoutePlan>>();

  add(controller: object, handler: object, plan: RoutePlan): void {
    const ofController = this.#plans.get(controller) ?? new Map<object, RoutePlan>();
    this.#plans.set(controller, ofController.set(handler, plan));
  }

  of(controller: object, handler: object): RoutePlan | undefined {
    return this.#plans.get(controller)?.get(handler);
  }
}
