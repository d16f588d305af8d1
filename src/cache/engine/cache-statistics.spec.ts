import { CacheStatistics } from './cache-statistics.js';
import type { Subject } from './subject.js';

const of = (prefix: string) => ({ prefix }) as Subject;

describe('the statistics', () => {
  it('have a line for each prefix that was expected, and one for all that were not', () => {
    const statistics = new CacheStatistics();
    statistics.expect('student_risk');

    for (let user = 0; user < 1000; user++)
      statistics.record({ event: 'cache.miss', subject: of(`made_up_for_${user}`) });
    statistics.record({ event: 'cache.hit', subject: of('student_risk'), bytes: 10 });

    const prefixes = statistics.byPrefix();
    expect([...prefixes.keys()]).toEqual(['student_risk', 'default']);
    expect(prefixes.get('student_risk')).toMatchObject({ hits: 1, hitBytes: 10, misses: 0 });
    expect(prefixes.get('default')).toMatchObject({ hits: 0, misses: 1000 });
  });

  it('tell misses that were wanted from those that were not', () => {
    const statistics = new CacheStatistics();
    statistics.expect('student_risk');
    const subject = of('student_risk');

    statistics.record({ event: 'cache.miss', subject });
    statistics.record({ event: 'cache.miss', subject, isRenewal: true });

    expect(statistics.byPrefix().get('student_risk')).toMatchObject({ misses: 2, renewals: 1 });
  });

  it('tell what the store did wrong from what the source did', () => {
    const statistics = new CacheStatistics();
    statistics.expect('student_risk');
    const subject = of('student_risk');

    statistics.record({ event: 'cache.get_error', subject, reason: 'timeout' });
    statistics.record({ event: 'cache.set_error', subject, reason: 'OOM' });
    statistics.record({ event: 'cache.refresh_failed', subject, reason: 'Error', error: new Error('away') });

    expect(statistics.byPrefix().get('student_risk')).toMatchObject({ errors: 2, refreshFailures: 1 });
  });

  it('count what was not looked up, and what could not be told to be old', () => {
    const statistics = new CacheStatistics();
    statistics.expect('student_risk');
    const reason = 'no-key';

    statistics.record({ event: 'cache.bypass', prefix: 'student_risk', method: 'Students.risk', reason });
    statistics.record({ event: 'cache.bypass', prefix: 'unknown', method: 'Other.risk', reason });
    statistics.record({ event: 'cache.rule_failed', method: 'Students.change', reason, error: undefined });

    const prefixes = statistics.byPrefix();
    expect([prefixes.get('student_risk')?.bypasses, prefixes.get('default')?.bypasses]).toEqual([1, 1]);
    expect(statistics.ruleFailures).toBe(1);
  });

  it('tell how stale the stale answers were', () => {
    const statistics = new CacheStatistics();
    statistics.expect('student_risk');

    statistics.record({
      event: 'cache.stale_served',
      subject: of('student_risk'),
      reason: 'error',
      staleMs: 4000,
    });

    const { stale, staleMs } = statistics.byPrefix().get('student_risk')!;
    expect(stale).toBe(1);
    expect(staleMs).toMatchObject({ count: 1, sum: 4000 });
  });
});
