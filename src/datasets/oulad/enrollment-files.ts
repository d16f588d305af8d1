import * as field from './fields.js';
import { type OuladFile, writeRows } from './oulad-file.js';
import { asOfVariant, courseCode, studentCode } from './oulad-names.js';
import { startOf } from './starts.js';

interface StudentRow {
  readonly row: number;
  readonly course: string;
  readonly student: string;
  readonly prior_attempts: number;
  readonly status: string;
  readonly final_result: string | null;
}

const results = {
  Pass: { status: 'completed', final_result: 'pass' },
  Distinction: { status: 'completed', final_result: 'distinction' },
  Fail: { status: 'failed', final_result: 'fail' },
  Withdrawn: { status: 'dropped', final_result: 'withdrawn' },
} as const;

/** Students and their enrollments. Nothing personal is read: see {@link demographics}. */
export const students: OuladFile<StudentRow> = {
  name: 'studentInfo.csv',
  columns: ['code_module', 'code_presentation', 'id_student', 'num_of_prev_attempts', 'final_result'],
  publishedRows: 32_593,
  withoutIt: null,
  unknownIs: 'its course is not in courses.csv',
  needs: ['courses.csv'],
  variant: asOfVariant,
  parse: (row, { options }) => {
    const result = field.oneOf(row, 'final_result', results);
    return {
      row: row.row,
      course: courseCode(row),
      student: studentCode(row),
      prior_attempts: field.optionalWholeNumber(row, 'num_of_prev_attempts', 0, 100) ?? 0,
      // On a day within the course nobody knows its result.
      ...(options.asOfDay === null ? result : { status: 'active', final_result: null }),
    };
  },
  write: async (client, rows) => {
    await client.query(insertUsers, [JSON.stringify(rows)]);
    return writeRows(client, upsertEnrollments, rows);
  },
};

const insertUsers = `
  INSERT INTO users (code, role)
  SELECT DISTINCT r.student, 'student'
  FROM json_to_recordset($1) AS r(course text, student text) JOIN courses c ON c.code = r.course
  ON CONFLICT (code) DO NOTHING`;

// A day within the course knows of no end, which is no reason to take back that of an earlier import. And whoever teaches the
// course knows better than any file.
const [statusNow, resultNow] = ['status', 'final_result'].map(
  (column) =>
    `CASE WHEN excluded.status = 'active' OR e.end_told_at IS NOT NULL THEN e.${column} ELSE excluded.${column} END`,
);

const upsertEnrollments = `
  WITH known AS (
    SELECT r.*, u.id AS user_id, c.id AS course_id, c.starts_at
    FROM json_to_recordset($1) AS r(row int, course text, student text, prior_attempts smallint, status text,
      final_result text)
    LEFT JOIN courses c ON c.code = r.course
    LEFT JOIN users u ON u.code = r.student
  ), written AS (
    INSERT INTO enrollments AS e (user_id, course_id, role, status, enrolled_at, final_result, prior_attempts, told_at)
    SELECT DISTINCT ON (user_id, course_id) user_id, course_id, 'student', status, starts_at, final_result, prior_attempts,
      NULL::timestamptz
    FROM known WHERE course_id IS NOT NULL
    ORDER BY user_id, course_id, row DESC
    ON CONFLICT (user_id, course_id, role) DO UPDATE SET status = ${statusNow},
      final_result = ${resultNow}, prior_attempts = excluded.prior_attempts
    WHERE (e.status, e.final_result, e.prior_attempts)
      IS DISTINCT FROM (${statusNow}, ${resultNow}, excluded.prior_attempts)
    RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM written) AS written,
    (SELECT json_agg(row) FROM known WHERE course_id IS NULL) AS unknown`;

interface RegistrationRow {
  readonly row: number;
  readonly course: string;
  readonly student: string;
  readonly enrolled_at: string | null;
  readonly ended_at: string | null;
  /** Whether only what a day within the course knows is told. */
  readonly is_day: boolean;
  /** Registered after the as-of day: not there yet. */
  readonly is_later: boolean;
  /** Known to have left, though the result is not known yet. */
  readonly has_left: boolean;
}

export const registrations: OuladFile<RegistrationRow> = {
  name: 'studentRegistration.csv',
  columns: ['code_module', 'code_presentation', 'id_student', 'date_registration', 'date_unregistration'],
  publishedRows: 32_593,
  withoutIt: 'every enrollment counts from the start of the course',
  unknownIs: 'the student is not in studentInfo.csv for this course',
  needs: ['courses.csv', 'studentInfo.csv'],
  corrects: ['studentInfo.csv'],
  variant: asOfVariant,
  parse: (row, { options: { starts, asOfDay } }) => {
    const startMs = startOf(field.code(row, 'code_presentation'), starts);
    const [from, to] = [
      field.optionalDay(row, 'date_registration'),
      field.optionalDay(row, 'date_unregistration'),
    ];
    const hasLeft = to !== null && (asOfDay === null || to <= asOfDay);
    return {
      row: row.row,
      course: courseCode(row),
      student: studentCode(row),
      enrolled_at: from === null ? null : field.momentOf(startMs, from),
      ended_at: hasLeft ? field.momentOf(startMs, to) : null,
      is_day: asOfDay !== null,
      is_later: asOfDay !== null && from !== null && from > asOfDay,
      has_left: asOfDay !== null && hasLeft,
    };
  },
  write: (client, rows) => writeRows(client, updateRegistrations, rows),
};

// Asked of the row that is written: somebody may have told of it since the statement began.
const [endNow, leftNow, leftResultNow] = ['ended_at', 'status', 'final_result'].map(
  (column) => `CASE WHEN e.end_told_at IS NULL THEN n.${column} ELSE e.${column} END`,
);

const updateRegistrations = `
  WITH known AS (
    SELECT DISTINCT ON (r.course, r.student) r.*, e.id
    FROM json_to_recordset($1) AS r(row int, course text, student text, enrolled_at timestamptz, ended_at timestamptz,
      is_day boolean, is_later boolean, has_left boolean)
    LEFT JOIN users u ON u.code = r.student
    LEFT JOIN courses c ON c.code = r.course
    LEFT JOIN enrollments e ON e.user_id = u.id AND e.course_id = c.id AND e.role = 'student'
    ORDER BY r.course, r.student, r.row DESC
  ), removed AS (
    -- One that has ended is from somebody who knows of more than this day.
    DELETE FROM enrollments e USING known
    WHERE e.id = known.id AND known.is_later AND e.status = 'active' AND e.end_told_at IS NULL AND e.told_at IS NULL
    RETURNING 1
  ), current AS (
    SELECT e.id, CASE WHEN e.told_at IS NULL THEN coalesce(known.enrolled_at, e.enrolled_at) ELSE e.enrolled_at END AS enrolled_at,
      -- Somebody else has told of that end.
      CASE WHEN known.ended_at IS NULL AND (e.status = 'dropped' OR known.is_day AND e.status <> 'active')
             THEN e.ended_at
           -- Whoever enrolled them here says that they came after that.
           WHEN e.told_at IS NOT NULL AND known.ended_at < e.enrolled_at THEN e.enrolled_at
           ELSE known.ended_at END AS ended_at,
      CASE WHEN known.has_left THEN 'dropped' ELSE e.status END AS status,
      CASE WHEN known.has_left THEN 'withdrawn' ELSE e.final_result END AS final_result
    FROM known JOIN enrollments e ON e.id = known.id
    WHERE NOT known.is_later
  ), written AS (
    UPDATE enrollments e
    SET enrolled_at = n.enrolled_at, ended_at = ${endNow}, status = ${leftNow},
      final_result = ${leftResultNow}
    FROM current n
    WHERE e.id = n.id AND (e.enrolled_at, e.ended_at, e.status, e.final_result)
      IS DISTINCT FROM (n.enrolled_at, ${endNow}, ${leftNow}, ${leftResultNow})
    RETURNING 1
  )
  SELECT ((SELECT count(*) FROM written) + (SELECT count(*) FROM removed))::int AS written,
    (SELECT json_agg(row) FROM known WHERE id IS NULL AND NOT is_later) AS unknown`;
