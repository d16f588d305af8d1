import { dumpSha256 } from '../dump.js';
import { generate } from './generate.js';
import { type PresetName, presetNames } from './presets.js';
import type { Cell, TableRows } from './table-rows.js';

const asOf = new Date('2026-02-05T18:52:18Z');
const dayMs = 86_400_000;

type Row = Record<string, Cell>;

const made = new Map<PresetName, TableRows[]>();

/** Made once, with rows that can be read again: nobody changes them. */
function tablesOf(preset: PresetName): TableRows[] {
  const known = made.get(preset);
  if (known) return known;
  const tables = generate(preset, 42, asOf).map((table) => ({ ...table, rows: kept(table.rows) }));
  made.set(preset, tables);
  return tables;
}

function kept<T>(rows: Iterable<T>): Iterable<T> {
  let all: T[] | undefined;
  return { [Symbol.iterator]: () => (all ??= [...rows])[Symbol.iterator]() };
}

function rowsOf(preset: PresetName, wanted?: readonly string[]): Record<string, Row[]> {
  const tables = tablesOf(preset).filter(({ table }) => wanted?.includes(table) ?? true);
  return Object.fromEntries(
    tables.map(({ table, columns, rows }) => [
      table,
      [...rows].map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]!]))),
    ]),
  );
}

let demo: ReturnType<typeof rowsOf> | undefined;
const rowsOfDemo = () => (demo ??= rowsOf('demo'));

const time = (cell: Cell | undefined): number => Date.parse(String(cell));

describe('the generator', () => {
  // Written down, so that another version of Node or another machine cannot quietly make other rows.
  it.each([
    ['seed-doc', 'beb86725c86a722468a57403ac2068ae87bfa3963021889d60fcf3585a4fec36'],
    ['demo', '78205d347a6e1551a672f3a6828f87161fddd3694d0942155050084c9c8d897f'],
  ] as const)('makes the same rows of %s everywhere', (preset, sha256) => {
    expect(dumpSha256(tablesOf(preset))).toBe(sha256);
    expect(dumpSha256(generate(preset, 43, asOf))).not.toBe(sha256);
    expect(dumpSha256(generate(preset, 42, new Date(asOf.getTime() + 1)))).not.toBe(sha256);
  });

  it.each([
    ['seed-doc', 9, 7, 2, 10, 8, 40, 30, 150, 500],
    ['demo', 130, 120, 4, 160, 40, 1_300, 2_500, 15_000, 50_000],
    ['bench-1m', 2_700, 2_650, 12, 3_000, 144, 30_000, 60_000, 350_000, 1_000_000],
    ['hot-course', 5_002, 5_000, 1, 5_001, 30, 100_000, 100_000, 0, 1_000_000],
  ] as const)(
    'gives %s exactly its sizes',
    (preset, users, students, courses, enrollments, activities, submissions, sessions, messages, events) => {
      const tables = tablesOf(preset);
      const isHuge = events === 1_000_000;
      const isCounted = (table: string) =>
        !isHuge || ['users', 'enrollments', 'activities', 'submissions'].includes(table);

      expect(Object.fromEntries(tables.map(({ table, rowCount }) => [table, rowCount]))).toEqual({
        users,
        courses,
        enrollments,
        activities,
        submissions,
        tutor_sessions: sessions,
        tutor_messages: messages,
        events,
      });
      for (const { rowCount, rows } of tables.filter(({ table }) => isCounted(table))) {
        expect([...rows]).toHaveLength(rowCount);
      }
      expect(rowsOf(preset, ['users']).users!.filter((user) => user.role === 'student')).toHaveLength(
        students,
      );
    },
  );

  it.each(presetNames)('puts the names of the documents into %s', (preset) => {
    const { users, courses, enrollments } = rowsOf(preset, ['users', 'courses', 'enrollments']);
    const idOf = (code: string) => users!.find((user) => user.code === code)?.id;
    const programming = courses!.find((course) => course.code === 'PROG-101')!;
    const inProgramming = enrollments!.filter((enrollment) => enrollment.course_id === programming.id);

    expect(inProgramming).toContainEqual(
      expect.objectContaining({ user_id: idOf('STU001'), role: 'student', status: 'active' }),
    );
    expect(inProgramming).toContainEqual(
      expect.objectContaining({ user_id: idOf('TEACH001'), role: 'teacher', status: 'active' }),
    );
    expect(time(programming.starts_at)).toBeLessThan(asOf.getTime());
    expect(time(programming.ends_at)).toBeGreaterThan(asOf.getTime());
  });

  it('lets nothing happen after the as-of moment, before the enrollment, or after the end', () => {
    const { enrollments, submissions, tutor_sessions, tutor_messages, events, activities } = rowsOfDemo();
    const courseOf = new Map(activities!.map((activity) => [activity.id, activity.course_id]));
    const spans = new Map(
      enrollments!.map((e) => [
        `${String(e.user_id)}/${String(e.course_id)}`,
        [time(e.enrolled_at), e.ended_at === null ? asOf.getTime() : time(e.ended_at)],
      ]),
    );
    const moments = [
      ...submissions!.map((s) => [s.user_id, courseOf.get(s.activity_id), s.submitted_at]),
      ...tutor_sessions!.map((s) => [s.user_id, s.course_id, s.started_at]),
      ...events!.map((e) => [e.user_id, e.course_id, e.occurred_at]),
    ];

    const outside = moments.filter(([user, course, at]) => {
      const [from, to] = spans.get(`${String(user)}/${String(course)}`)!;
      return !(time(at) >= from! && time(at) <= to! && time(at) <= asOf.getTime());
    });
    expect(outside).toEqual([]);
    expect(tutor_messages!.filter((message) => time(message.sent_at) > asOf.getTime())).toEqual([]);
    expect(submissions!.filter((s) => s.graded_at !== null && time(s.graded_at) > asOf.getTime())).toEqual(
      [],
    );
  });

  it('never repeats a client id', () => {
    const { submissions, tutor_messages, events } = rowsOfDemo();
    const ids = [...submissions!, ...tutor_messages!, ...events!].map((row) => row.client_id);

    expect(new Set(ids).size).toBe(ids.length);
    expect(
      ids.every((id) =>
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(String(id)),
      ),
    ).toBe(true);
  });

  it('plants the cases that tests and examples name', () => {
    const { users, enrollments, activities, submissions, tutor_sessions, events } = rowsOfDemo();
    const of = (code: string) => {
      const user = users!.find((one) => one.code === code)!.id;
      const mine = (row: Row) => row.user_id === user;
      const inCourse = (row: Row) => mine(row) && row.course_id === 1;
      const activityIds = new Set(activities!.filter((a) => a.course_id === 1).map((a) => a.id));
      return {
        enrolledAgoMs: asOf.getTime() - time(enrollments!.find(inCourse)!.enrolled_at),
        submissions: submissions!.filter((row) => mine(row) && activityIds.has(row.activity_id)),
        seenAgoDays: [
          ...tutor_sessions!.filter(inCourse).map((row) => row.started_at),
          ...events!.filter(inCourse).map((row) => row.occurred_at),
        ].map((at) => (asOf.getTime() - time(at)) / dayMs),
      };
    };
    const dueIn = (activity: Row) => time(activity.due_at) - asOf.getTime();
    const due = activities!.filter((a) => a.course_id === 1 && dueIn(a) < 0);

    const perfect = of('STU002').submissions;
    for (const activity of due) {
      const first = perfect.find((one) => one.activity_id === activity.id && one.attempt_no === 1)!;
      expect(time(first.submitted_at)).toBeLessThan(time(activity.due_at));
    }
    expect(perfect.every((one) => one.score === 100 || one.score === null)).toBe(true);
    expect(of('STU003')).toMatchObject({ submissions: [], seenAgoDays: [] });
    expect(of('STU003').enrolledAgoMs).toBeGreaterThan(60 * dayMs);
    expect(of('STU004')).toEqual({ enrolledAgoMs: dayMs, submissions: [], seenAgoDays: [] });
    const returning = of('STU005').seenAgoDays;
    expect(returning.filter((days) => days > 0.1 && days < 20)).toEqual([]);
    expect(Math.min(...returning)).toBeLessThan(0.1);
    expect(returning.filter((days) => days >= 20).length).toBeGreaterThan(10);
    expect(activities!.filter((a) => a.course_id === 1).map(dueIn)).toContain(10_000);
  });
});
