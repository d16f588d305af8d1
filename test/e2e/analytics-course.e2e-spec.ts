import fc from 'fast-check';
import { CourseAnalyticsService } from '../../src/analytics/courses/course-analytics.service.js';
import { PeerActivityService } from '../../src/analytics/students/peer-activity.service.js';
import { StudentRiskService } from '../../src/analytics/students/student-risk.service.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { reference } from './analytics-reference.js';
import { day, minute, rowsUntil, someRows, start, store } from './analytics-rows.js';

const rows = someRows(7);
// Of whom the views of the time before still tell.
rows.students[12]!.deletedAt = start + 45 * day;
let database: TestDatabase;
let courses: CourseAnalyticsService;
let students: StudentRiskService;

function servicesOn({ dataSource }: TestDatabase) {
  return {
    courses: new CourseAnalyticsService(dataSource),
    students: new StudentRiskService(dataSource, new PeerActivityService(dataSource)),
  };
}

beforeAll(async () => {
  database = await createTestDatabase();
  await store(database.dataSource, rows);
  await store(database.dataSource, { ...someRows(11, 9, 'DATA-201'), messages: [] });
  ({ courses, students } = servicesOn(database));
});

afterAll(() => database.drop());

/**
 * Before the start, at it, early, in the middle of a day, at a deadline to the millisecond, a second after it, near the end, at
 * it, after it.
 */
const moments = [
  ...[-20, 0, 1.3, 6.2, 13.99, 14, 23.456, 40.7, 55.5, 69.9, 70, 90].map((days) => start + days * day),
  start + 14 * day - 1000,
];

/** Deep equality, but a score may differ by one in the second decimal: halves are rounded either way. */
function expectAlike(actual: unknown, expected: unknown, path = ''): void {
  if (typeof expected === 'number' && typeof actual === 'number' && /score|quartiles/.test(path)) {
    expect({ path, isClose: Math.abs(actual - expected) < 0.0101 }).toEqual({ path, isClose: true });
  } else if (
    typeof expected === 'object' &&
    typeof actual === 'object' &&
    expected !== null &&
    actual !== null
  ) {
    expect([path, Object.keys(actual)]).toEqual([path, expect.arrayContaining(Object.keys(expected))]);
    expect([path, Object.keys(expected)]).toEqual([path, expect.arrayContaining(Object.keys(actual))]);
    for (const [key, value] of Object.entries(expected)) {
      expectAlike((actual as Record<string, unknown>)[key], value, `${path}/${key}`);
    }
  } else {
    expect([path, actual]).toEqual([path, expected]);
  }
}

/** All of an answer but the moment it was computed at. */
function withoutClock(view: { generated_at: string } | undefined): unknown {
  return JSON.parse(JSON.stringify(view, (key, value: unknown) => (key === 'generated_at' ? '' : value)));
}

describe('the view of a course', () => {
  it.each(moments.map((at) => new Date(at).toISOString()))(
    'has the figures of the rows at %s',
    async (text) => {
      const { generated_at, time_on_task_minutes, model_version, ...view } = await courses.courseAt(
        'PROG-101',
        new Date(text),
      );

      const { minutes, risks: _, studentFigures: __, ...expected } = reference(rows, Date.parse(text));
      expectAlike(view, expected);
      // The reference counts whole seconds.
      expect(time_on_task_minutes.total).toBeCloseTo(minutes.total, -0.5);
      expect(Math.abs((time_on_task_minutes.median_per_student ?? 0) - (minutes.median ?? 0))).toBeLessThan(
        0.5,
      );
      expect(model_version).toBe('risk-1');
      expect(Date.parse(generated_at)).toBeGreaterThan(0);
    },
  );

  it('at a past moment is the one that a database of that time would have given', async () => {
    const asOf = start + 33.6 * day;
    const past = await createTestDatabase();
    try {
      await store(past.dataSource, rowsUntil(rows, asOf));
      const then = servicesOn(past);

      const [now, before] = await Promise.all(
        [courses, then.courses].map((service) => service.courseAt('PROG-101', new Date(asOf))),
      );
      expect(withoutClock(now)).toEqual(withoutClock(before));
      for (const { student_id } of now!.students) {
        const [risk, earlier] = await Promise.all(
          [students, then.students].map((service) => service.riskAt(student_id, 'PROG-101', new Date(asOf))),
        );
        expect(withoutClock(risk)).toEqual(withoutClock(earlier));
      }
    } finally {
      await past.drop();
    }
  });

  it('counts seven days as hours, also where the clocks of the server go forward meanwhile', async () => {
    const [{ zone }] = await database.dataSource.query<[{ zone: string }]>(
      `SELECT current_setting('timezone') AS zone`,
    );
    expect(zone).toBe('America/St_Johns');
    const forwardAt = Date.UTC(2026, 2, 8, 5, 30);
    const nearlySevenDays = 167.5 * 3_600_000;
    const moments = rows.events
      .map(({ at }) => at)
      .filter((at) => at < forwardAt && at + nearlySevenDays > forwardAt)
      .map((at) => at + nearlySevenDays);

    const counts = await Promise.all(
      moments.map(async (at) => (await courses.courseAt('PROG-101', new Date(at))).active_students_7d),
    );

    expect(moments.length).toBeGreaterThan(5);
    expect(counts).toEqual(moments.map((at) => reference(rows, at).active_students_7d));
  });

  it('counts every published activity of every student once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -10, max: 100 * 24 }), async (hours) => {
        const { tardiness, tutor, level_counts, total_students, trend } = await courses.courseAt(
          'PROG-101',
          new Date(start + hours * 3_600_000),
        );
        const { on_time, late, missing, floating, total } = tardiness;

        expect(on_time + late + missing + floating).toBe(total);
        expect(Math.min(on_time, late, missing, floating)).toBeGreaterThanOrEqual(0);
        expect(
          Object.entries(level_counts).reduce((sum, [, count]: [string, number]) => sum + count, 0),
        ).toBe(total_students);
        expect(tutor.hints).toBeLessThanOrEqual(tutor.messages);
        expect(trend).toHaveLength(12);
      }),
      { numRuns: 25 },
    );
  });

  it('of a course without students has no rates', async () => {
    await store(database.dataSource, {
      ...someRows(3, 0, 'EMPTY-1'),
      course: { code: 'EMPTY-1', startsAt: start, endsAt: start + day, passMark: 60 },
    });

    await expect(courses.courseAt('EMPTY-1', new Date(start + 3600_000))).resolves.toMatchObject({
      total_students: 0,
      active_rate_7d: null,
      completion_rate: null,
      due_completion_rate: null,
      average_score: null,
      score_quartiles: null,
      pass_rate: null,
      average_risk: null,
      risk_share: null,
      students: [],
      time_on_task_minutes: { total: 0, median_per_student: null },
      tardiness: { on_time: 0, late: 0, missing: 0, floating: 0, total: 0 },
    });
  });

  it('of a course that has yet to start rates nobody', async () => {
    const view = await courses.courseAt('PROG-101', new Date(start - day));

    expect(view).toMatchObject({
      phase: 'upcoming',
      average_risk: null,
      risk_share: null,
      students_at_risk: 0,
    });
    expect(view.level_counts.unknown).toBe(view.total_students);
    expect(view.next_deadline_at).toBe(new Date(start).toISOString());
  });

  it('of an unknown course is not found', async () => {
    await expect(courses.courseAt('NONE-1', new Date())).rejects.toMatchObject({ code: 'not_found' });
    await expect(courses.ratedStudents('NONE-1', new Date())).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the risk of students', () => {
  const midCourse = start + 30 * day;
  const others = JSON.stringify(someRows(5, 12, 'QUIET-1')).replaceAll('"STU', '"QST');
  const untilThen = JSON.parse(others) as typeof rows;
  const quiet: typeof rows = {
    ...untilThen,
    sessions: [],
    messages: [],
    events: untilThen.events.filter(({ at }) => at > midCourse),
  };

  beforeAll(() => store(database.dataSource, quiet));

  it.each([
    ['says nothing before', midCourse, false],
    ['is a sign once', midCourse + 20 * day, true],
  ])('absence %s the course has recorded more than submissions', async (_, at, isTraced) => {
    const asOf = new Date(at);
    const rated = await courses.ratedStudents('QUIET-1', asOf);
    expect(new Map(rated.students.map(({ row, risk }) => [row.student_id, risk.score]))).toEqual(
      new Map([...reference(quiet, at).risks].map(([code, { score }]) => [code, score])),
    );

    const {
      courses: [course],
    } = await students.riskAt('QST002', 'QUIET-1', asOf);
    const value = new Map(course!.factors.map((factor) => [factor.code, factor.value]));
    expect([value.get('inactivity') !== null, value.get('low_engagement') !== null]).toEqual([
      isTraced,
      isTraced,
    ]);
  });

  it('does not ask someone who joins late for work that was due before', async () => {
    const person = { endedAt: null, status: 'active' };
    const course: typeof rows = {
      ...someRows(5, 0, 'LATE-1'),
      students: [
        { ...person, code: 'EARLY', enrolledAt: start - day },
        { ...person, code: 'LATE', enrolledAt: start + 22 * day },
      ],
      submissions: [],
      sessions: [],
      messages: [],
      events: [{ student: 'EARLY', verb: 'viewed', at: start + day }],
    };
    await store(database.dataSource, course);
    const riskOf = async (student: string, at: number) =>
      (await students.riskAt(student, 'LATE-1', new Date(at))).courses[0];

    const firstDay = start + 22.5 * day;
    expect(await riskOf('EARLY', firstDay)).toMatchObject({ rules_fired: ['nothing_submitted'] });
    expect(await riskOf('LATE', firstDay)).toMatchObject({
      risk_level: 'unknown',
      coverage: 0,
      rules_fired: [],
    });
    expect((await riskOf('LATE', start + 28.5 * day))?.factors[0]).toMatchObject({
      value: 1,
      evidence: { due_count: 1, missing_count: 1 },
    });
    const { tardiness } = await courses.courseAt('LATE-1', new Date(firstDay));
    expect(tardiness).toMatchObject({ missing: 6, total: 14 });
  });
});

describe('the view of a student', () => {
  it.each(moments.map((at) => new Date(at).toISOString()))('agrees with the course at %s', async (text) => {
    const asOf = new Date(text);
    const expected = reference(rows, asOf.getTime());

    for (const figures of expected.studentFigures) {
      const view = await students.riskAt(figures.code, 'PROG-101', asOf);
      const risk = expected.risks.get(figures.code)!;
      const course = view.courses[0]!;

      expect(course.risk_score).toBe(risk.score);
      expect(course.risk_level).toBe(risk.level);
      expect(course.coverage).toBe(risk.coverage);
      course.factors.forEach(({ value }, i) => {
        const other = risk.factors[i]!.value;
        expect(value === null).toBe(other === null);
        expect(Math.abs((value ?? 0) - (other ?? 0))).toBeLessThan(0.00011);
      });
      expect(course.trend.at(-1)?.score ?? null).toBe(risk.score);
      expect(Math.abs(view.time_spent_minutes - figures.minutes)).toBeLessThan(0.5);
      expect(view.last_activity_at).toBe(
        figures.lastAt === null ? null : new Date(figures.lastAt).toISOString(),
      );
    }
    const rated = await courses.ratedStudents('PROG-101', asOf);
    expect(new Map(rated.students.map(({ row, risk }) => [row.student_id, risk.score]))).toEqual(
      new Map([...expected.risks].map(([code, { score }]) => [code, score])),
    );
  });

  it('shows in its trend what the view at the end of each week said', async () => {
    const asOf = start + 61.5 * day;
    for (const code of ['STU001', 'STU002', 'STU006']) {
      const {
        courses: [course],
      } = await students.riskAt(code, 'PROG-101', new Date(asOf));
      const sundays = Array.from({ length: 8 }, (_, i) => start + (i + 1) * 7 * day - 1).filter((at) =>
        reference(rows, at).studentFigures.some((one) => one.code === code && one.since <= at),
      );

      expect(course!.trend.slice(0, -1).map(({ score }) => score)).toEqual(
        sundays.map((at) => reference(rows, at).risks.get(code)!.score),
      );
    }
  });

  it('takes the highest of all active courses', async () => {
    const asOf = new Date(start + 40.7 * day);
    const view = await students.riskAt('STU001', null, asOf);

    expect(view.courses.map(({ course_id }) => course_id)).toEqual(['DATA-201', 'PROG-101']);
    expect(view.risk_score).toBe(Math.max(...view.courses.map(({ risk_score }) => risk_score ?? -1)));
    expect(view.course_id).toBeNull();
  });

  it('counts time that sessions in two courses cover once, and the rest of both', async () => {
    const beginning = start + 200 * day;
    const hours = (from: number, to: number) => ({
      student: 'STU901',
      startedAt: beginning + from * 60 * minute,
      endedAt: beginning + to * 60 * minute,
    });
    const learner = { code: 'STU901', enrolledAt: start, endedAt: null, status: 'active' };
    const nothing = { activities: [], submissions: [], messages: [], events: [], students: [learner] };
    const dates = { startsAt: start, endsAt: start + 300 * day, passMark: 60 };
    await store(database.dataSource, {
      ...nothing,
      course: { code: 'TIME-1', ...dates },
      sessions: [
        { code: 'T1', ...hours(10, 11) },
        { code: 'T2', ...hours(14, 15) },
      ],
    });
    await store(database.dataSource, {
      ...nothing,
      course: { code: 'TIME-2', ...dates },
      sessions: [
        { code: 'T3', ...hours(10.5, 12) },
        { code: 'T4', ...hours(14.25, 14.5) },
      ],
    });

    const minutesOf = async (course: string | null) =>
      (await students.riskAt('STU901', course, new Date(beginning + 2 * day))).time_spent_minutes;

    expect(await minutesOf('TIME-1')).toBe(120);
    expect(await minutesOf('TIME-2')).toBe(105);
    expect(await minutesOf(null)).toBe(180);
  });

  it('names the open work and the lowest scores', async () => {
    const asOf = start + 55.5 * day;
    const { studentFigures } = reference(rows, asOf);
    const told = { missing_work: 0, offer_tutoring: 0 };
    for (const { code, own, graded } of studentFigures) {
      const {
        courses: [course],
      } = await students.riskAt(code, 'PROG-101', new Date(asOf));
      const open = course!.recommendations.find(({ factor }) => factor === 'missing_work');
      const missing = own
        .filter((pair) => pair.activity.isRequired && pair.state === 'missing' && !pair.isBygone)
        .map((pair) => pair.activity.code);
      // Work without weight is no risk, so nobody is reminded of that alone.
      if (open) {
        told.missing_work += 1;
        expect(open.activity_ids).toEqual(missing);
      } else expect(missing.filter((id) => id !== 'PROG-101-A6')).toEqual([]);
      const tutoring = course!.recommendations.find(({ code: name }) => name === 'offer_tutoring');
      const lowest = [...graded].sort((a, b) => a.score! - b.score!).map((pair) => pair.activity.code);
      if (tutoring) {
        told.offer_tutoring += 1;
        expect(tutoring.activity_ids).toEqual(lowest.slice(0, 2));
      }
    }
    expect(told.missing_work).toBeGreaterThan(0);
    expect(told.offer_tutoring).toBeGreaterThan(0);
  });

  it('of someone who left has no level but says how it ended', async () => {
    const left = rows.students.find(
      ({ status }) => status === 'dropped' || status === 'failed' || status === 'completed',
    )!;
    const view = await students.riskAt(left.code, 'PROG-101', new Date(left.endedAt! + day));

    expect(view).toMatchObject({
      status: 'not_started',
      exercises_completed: 0,
      total_exercises: 0,
      completion_rate: null,
      last_activity_at: null,
    });
    expect(view.courses).toMatchObject([
      {
        course_id: 'PROG-101',
        enrollment_status: left.status,
        risk_level: null,
        risk_score: null,
        factors: [],
      },
    ]);
    const before = await students.riskAt(left.code, 'PROG-101', new Date(left.endedAt! - 1));
    expect(before.courses).toMatchObject([{ enrollment_status: 'active' }]);
  });

  it('of someone in no course is an empty list', async () => {
    await database.dataSource.query(`INSERT INTO users (code, role) VALUES ('STU900', 'student')`);

    await expect(students.riskAt('STU900', null, new Date(start))).resolves.toMatchObject({
      courses: [],
      risk_score: null,
      risk_level: null,
      is_at_risk: false,
      status: 'not_started',
      total_exercises: 0,
      completion_rate: null,
      next_deadline_at: null,
    });
  });

  it.each([
    ['NOBODY', null],
    ['NOBODY', 'PROG-101'],
    ['STU900', 'PROG-101'],
    ['STU001', 'NONE-1'],
  ])('of %s in %s is not found', async (student, course) => {
    await expect(students.riskAt(student, course, new Date(start))).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
