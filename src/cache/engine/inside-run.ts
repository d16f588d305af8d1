import { AsyncScope } from './async-scope.js';

const runs = new AsyncScope<true>();

/** Runs a method whose result may be kept. */
export function insideRun<T>(run: () => Promise<T>): Promise<T> {
  return runs.run(true, run);
}

/** Whether the code that asks was called, however indirectly, by such a method: what it is given may be kept in turn. */
export function isInsideRun(): boolean {
  return runs.current ?? false;
}
