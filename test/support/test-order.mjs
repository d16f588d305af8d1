import TestSequencer from '@jest/test-sequencer';

/** Files that wait for most of their time, those that take longest first; see lanes.mjs. */
export const waiting = [
  'faults-away.e2e-spec.ts',
  'redis-cluster-faults.spec.ts',
  'redis-sentinel.spec.ts',
  'health.e2e-spec.ts',
  'history.e2e-spec.ts',
  'faults-database.e2e-spec.ts',
  'shutdown.e2e-spec.ts',
  'faults-service.e2e-spec.ts',
  'outbox.e2e-spec.ts',
  'faults-sentinel.e2e-spec.ts',
  'cache-herd.e2e-spec.ts',
  'faults-overload.e2e-spec.ts',
  'cache-invalidate.e2e-spec.ts',
  'redis-faults.spec.ts',
  'cache-redis.e2e-spec.ts',
  'faults-memory.e2e-spec.ts',
  'embedded-postgres.spec.ts',
  'faults-coherence.e2e-spec.ts',
  'faults-history.e2e-spec.ts',
  'faults-wire.e2e-spec.ts',
  'faults-connections.e2e-spec.ts',
  'start-tests.e2e-spec.ts',
  'pending-invalidation.e2e-spec.ts',
  'fail-fast-pool.spec.ts',
  'faults-cluster.e2e-spec.ts',
  'log-events.e2e-spec.ts',
  'faults-slow.e2e-spec.ts',
  'system-redis.e2e-spec.ts',
  'redis-away.e2e-spec.ts',
];

/** What comes first, and the rest as Jest has it: the largest files as long as it knows no times. */
const first = [
  // Nothing but promises, which take the longer the more a worker has loaded.
  'interleavings.spec.ts',
  ...waiting,
  // Short files that take long: where one of them came last, the other worker would wait for it.
  'start.e2e-spec.ts',
  'foreign-app.e2e-spec.ts',
  'bench.e2e-spec.ts',
  'cache-doctor.e2e-spec.ts',
];

export default class TestOrder extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const place = first.findIndex((name) => path.endsWith(`/${name}`));
      return place === -1 ? first.length : place;
    };
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
}
