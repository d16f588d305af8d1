import type { CacheReport } from '../../src/cache/index.js';
import { runCli } from '../support/run-cli.js';

jest.setTimeout(120_000);

const doctor = (...words: string[]) => runCli('command/cache-doctor.cli.js', words, {});

describe('npm run cache:doctor', () => {
  it('prints the graph without a database and without Redis', async () => {
    const { code, stdout, stderr } = await doctor();

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^PREFIX +METHOD +SCOPE +TTL +CONSISTENCY +SHAPE +TAGS\n/);
    expect(stdout).toMatch(
      /^course_analytics +CourseAnalyticsController.courseAnalytics +shared +by result +strong/m,
    );
    expect(stdout).toMatch(
      /^student_risk +student_risk\|\/api\/v3\/analytics\/students\/:student_id\|{course_id, student_id}$/m,
    );
    const [, writes] = /^course_analytics_at +(UsersController.*)$/m.exec(stdout) ?? [];
    expect(writes?.split(', ')).toContain('EventsController.create');
    expect(writes?.split(', ')).not.toContain('CoursesController.create');
  });

  it('prints it for programs', async () => {
    const { code, stdout } = await doctor('--json');

    const { cached, invalidating, warnings } = JSON.parse(stdout) as CacheReport;
    expect(code).toBe(0);
    expect(cached.find(({ prefix }) => prefix === 'system_stats')).toMatchObject({
      method: 'SystemController.stats',
      key: 'system_stats|/api/v3/system/stats',
      scope: 'shared',
      tags: ['system'],
    });
    expect(invalidating.length).toBeGreaterThan(10);
    expect(warnings.filter(({ isHard }) => isHard)).toEqual([]);
  });

  it('says what it does not know, shows its usage and fails', async () => {
    const { code, stdout, stderr } = await doctor('--jason');

    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/Unknown option '--jason'[^]*npm run -s cache:doctor/);
  });

  it('--help is no failure', async () => {
    const { code, stdout } = await doctor('--help');

    expect(code).toBe(0);
    expect(stdout).toContain('--json');
  });
});
