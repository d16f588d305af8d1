import TestSequencer from '@jest/test-sequencer';

/**
 * Nothing but promises, which take the longer the more its worker has loaded; then files that are short and take long.
 */
const first = [
  'interleavings.spec.ts',
  'start.e2e-spec.ts',
  'history.e2e-spec.ts',
  'bench.e2e-spec.ts',
  'cache-doctor.e2e-spec.ts',
];

/**
 * Jest begins with the largest files as long as it knows no times, which is right but for a few: where one of them came
 * last, the other workers would wait for it.
 */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const place = first.findIndex((name) => path.endsWith(`/${name}`));
      return place === -1 ? first.length : place;
    };
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
}
