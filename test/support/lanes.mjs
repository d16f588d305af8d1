import TestRunner from 'jest-runner';
import { waiting } from './test-order.mjs';

/**
 * As many workers as are asked for, and one more for the files that wait for most of their time: beside the others they
 * need hardly any of the processor, among them they would keep a worker from it.
 */
export default class Lanes extends TestRunner {
  async runTests(tests, watcher, options) {
    const isWaiting = ({ path }) => waiting.some((name) => path.endsWith(`/${name}`));
    const beside = tests.filter(isWaiting);
    if (options.serial || beside.length === 0 || beside.length === tests.length) {
      return super.runTests(tests, watcher, options);
    }
    const config = this._globalConfig;
    const main = super.runTests(
      tests.filter((test) => !isWaiting(test)),
      watcher,
      options,
    );
    // It takes the number of workers from here, at once.
    this._globalConfig = { ...config, maxWorkers: 1 };
    const lane = super.runTests(beside, watcher, options);
    this._globalConfig = config;
    await Promise.all([main, lane]);
  }
}
