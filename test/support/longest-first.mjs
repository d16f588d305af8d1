import TestSequencer from '@jest/test-sequencer';

/** Files that are short and take long. */
const first = ['history.e2e-spec.ts', 'start.e2e-spec.ts', 'bench.e2e-spec.ts', 'cache-doctor.e2e-spec.ts'];

/**
 * Jest begins with the largest files as long as it knows no times, which is right but for a few: where one of them came
 * last, the other workers would wait for it.
 */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const isFirst = ({ path }) => first.some((name) => path.endsWith(`/${name}`));
    const sorted = super.sort(tests);
    return [...sorted.filter(isFirst), ...sorted.filter((test) => !isFirst(test))];
  }
}
