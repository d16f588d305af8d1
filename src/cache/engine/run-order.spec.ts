import { RunOrder } from './run-order.js';

it('many runs that never end cost no more than that they are not stored should they end after all', () => {
  const order = new RunOrder();
  const [stuck, living] = [order.begin('stuck'), order.begin('living')];
  for (let n = 0; n < 9999; n++) order.begin(`stuck ${n}`);

  expect([stuck.claim(), living.claim()]).toEqual([false, true]);
  expect(order.begin('stuck').claim()).toBe(true);
  stuck.end();
  expect(order.begin('stuck').claim()).toBe(true);
});

it('a key is told apart for as long as one of its runs is not over', () => {
  const order = new RunOrder();
  const [first, second] = [order.begin('view'), order.begin('view')];
  second.claim();
  second.end();
  order.begin('view').end();

  expect(first.claim()).toBe(false);
  first.end();
  expect(order.begin('view').claim()).toBe(true);
});
