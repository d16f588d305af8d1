import type { DataSource } from 'typeorm';

/** Row numbers by student, since they are the public ids of enrollments and submissions. */
export interface TwoCourses {
  enrollments: Record<'STU001' | 'STU002', string>;
  submissions: Record<'STU001' | 'STU002', string>;
}

/**
 * Two courses and everybody who could be confused in them.
 *
 * PROG-101: teacher TEACH001, assistant TEACH003, observer TEACH004, TEACH005 who left; students STU001, STU003 (in
 * both courses), STU004 (completed), STU005 (dropped), STU006 (deleted). PROG-102: teacher TEACH002; students STU002,
 * STU003. STU007 is deactivated. STU008 and STU009 learn in PROG-101; of PROG-102 STU008 dropped out, and STU009 has
 * completed it before its end. ADMIN001 is an administrator. STU001 and STU002 have each a submission to the activity
 * `<course>-A1` and a session `SES-<student>`.
 */
export async function peopleOfTwoCourses(dataSource: DataSource): Promise<TwoCourses> {
  await dataSource.query(`
    INSERT INTO users (code, full_name, role, is_active, deleted_at)
    SELECT code, 'Name of ' || code,
           CASE left(code, 3) WHEN 'STU' THEN 'student' WHEN 'TEA' THEN 'teacher' ELSE 'admin' END,
           code <> 'STU007', CASE code WHEN 'STU006' THEN now() END
    FROM unnest(ARRAY['STU001', 'STU002', 'STU003', 'STU004', 'STU005', 'STU006', 'STU007', 'STU008', 'STU009', 'ADMIN001',
                      'TEACH001', 'TEACH002', 'TEACH003', 'TEACH004', 'TEACH005']) AS code;

    INSERT INTO courses (code, name, starts_at, ends_at)
    SELECT code, 'Name of ' || code, now() - interval '30 days', now() + interval '60 days'
    FROM unnest(ARRAY['PROG-101', 'PROG-102']) AS code;

    INSERT INTO enrollments (user_id, course_id, role, status, enrolled_at)
    SELECT u.id, c.id, e.role, e.status, now() - interval '30 days'
    FROM (VALUES
      ('TEACH001', 'PROG-101', 'teacher', 'active'), ('TEACH003', 'PROG-101', 'ta', 'active'),
      ('TEACH004', 'PROG-101', 'observer', 'active'), ('TEACH005', 'PROG-101', 'teacher', 'completed'),
      ('TEACH002', 'PROG-102', 'teacher', 'active'),
      ('STU001', 'PROG-101', 'student', 'active'), ('STU002', 'PROG-102', 'student', 'active'),
      ('STU003', 'PROG-101', 'student', 'active'), ('STU003', 'PROG-102', 'student', 'active'),
      ('STU004', 'PROG-101', 'student', 'completed'), ('STU005', 'PROG-101', 'student', 'dropped'),
      ('STU006', 'PROG-101', 'student', 'active'), ('STU007', 'PROG-101', 'student', 'active'),
      ('STU008', 'PROG-101', 'student', 'active'), ('STU008', 'PROG-102', 'student', 'dropped'),
      ('STU009', 'PROG-101', 'student', 'active'), ('STU009', 'PROG-102', 'student', 'completed')
    ) AS e (person, course, role, status)
    JOIN users u ON u.code = e.person JOIN courses c ON c.code = e.course;

    INSERT INTO activities (code, course_id, title, kind, status, due_at)
    SELECT code || '-A1', id, 'First exercise', 'exercise', 'published', now() + interval '7 days' FROM courses;

    INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
    SELECT u.id, a.id, 1, now() - interval '1 day'
    FROM (VALUES ('STU001', 'PROG-101-A1'), ('STU002', 'PROG-102-A1')) AS s (person, activity)
    JOIN users u ON u.code = s.person JOIN activities a ON a.code = s.activity;

    INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at)
    SELECT 'SES-' || u.code, u.id, e.course_id, now() - interval '1 day', now() - interval '1 day'
    FROM users u JOIN enrollments e ON e.user_id = u.id WHERE u.code IN ('STU001', 'STU002');`);

  const rows: { table: 'enrollments' | 'submissions'; code: 'STU001' | 'STU002'; id: string }[] =
    await dataSource.query(`
      SELECT 'enrollments' AS table, u.code, e.id FROM enrollments e JOIN users u ON u.id = e.user_id
      WHERE u.code IN ('STU001', 'STU002')
      UNION ALL
      SELECT 'submissions', u.code, s.id FROM submissions s JOIN users u ON u.id = s.user_id`);
  const idsOf = (table: string) =>
    Object.fromEntries(
      rows.filter((row) => row.table === table).map(({ code, id }) => [code, id]),
    ) as TwoCourses['enrollments'];
  return { enrollments: idsOf('enrollments'), submissions: idsOf('submissions') };
}

/** What is about STU001 in PROG-101, for each id that a path may hold. */
export function idsOfStudent(facts: TwoCourses): Record<string, string> {
  return {
    course_id: 'PROG-101',
    student_id: 'STU001',
    user_id: 'STU001',
    activity_id: 'PROG-101-A1',
    enrollment_id: facts.enrollments.STU001,
    submission_id: facts.submissions.STU001,
    session_id: 'SES-STU001',
    as_of: '2026-02-05T18:52:18Z',
  };
}
