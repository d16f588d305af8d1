import type { ExecutionContext } from '@nestjs/common';
import { PerRoute, type RoutePlaces } from './per-route.js';

class Parent {
  list(): void {
    // Nobody calls it.
  }
}
class One extends Parent {}
class Other extends Parent {}

const contextOf = (controller: typeof Parent) =>
  ({
    getHandler: () => Reflect.get(Parent.prototype, 'list') as object,
    getClass: () => controller,
  }) as unknown as ExecutionContext;

it('reads what is said of a route once, and anew for each controller that inherits its handler', () => {
  const read = jest.fn(([, controller]: RoutePlaces) => controller.name);
  const names = new PerRoute(read);

  expect([One, Other, One, Other].map((controller) => names.of(contextOf(controller)))).toEqual([
    'One',
    'Other',
    'One',
    'Other',
  ]);
  expect(read).toHaveBeenCalledTimes(2);
});
