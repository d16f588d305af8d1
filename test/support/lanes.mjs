import TestRunner from 'jest-runner';
import { waiting } from './test-order.mjs';

/** Workers for the files that wait. */
const WORKERS_BESIDE = 2;

/**
 * As many workers as are asked for, and two more for the files that wait for most of their time: beside the others they
 * need little of the processor, among them they would keep a worker from it.
 */
export default class Lanes extends TestRunner {
  async runTests(tests, watcher, options) {
    const isWaiting = ({ path }) => waiting.some((name) => path.endsWith(`/${name}`));
    const beside = tests.filter(isWaiting);
    const config = this._globalConfig;
    const isAlone = options.serial || config.maxWorkers === 1;
    if (isAlone || beside.length === 0 || beside.length === tests.length) {
      return super.runTests(tests, watcher, options);
    }
    const main = super.runTests(
      tests.filter((test) => !isWaiting(test)),
      watcher,
      options,
    );
    // It takes the number of workers from here, at once.
    this._globalConfig = { ...config, maxWorkers: WORKERS_BESIDE };
    const lane = super.runTests(beside, watcher, options);
    this._globalConfig = config;
    await Promise.all([main, lane]);
  }
}
