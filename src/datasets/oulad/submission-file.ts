import * as field from './fields.js';
import { type OuladFile, writeRows } from './oulad-file.js';
import { asOfVariant, studentCode } from './oulad-names.js';

/** Days from a submission to its grade: not in the data, so assumed. */
export const gradingDays = 14;

interface SubmissionRow {
  readonly row: number;
  readonly activity: string;
  readonly student: string;
  readonly day: number;
  readonly is_banked: boolean;
  readonly score: number | null;
}

export const submissions: OuladFile<SubmissionRow & { readonly as_of_day: number | null }> = {
  name: 'studentAssessment.csv',
  columns: ['id_assessment', 'id_student', 'date_submitted', 'is_banked', 'score'],
  publishedRows: 173_912,
  withoutIt: 'there are no submissions',
  unknownIs: 'its assessment or student is unknown, or the student is not in that course',
  needs: ['courses.csv', 'assessments.csv', 'studentInfo.csv'],
  variant: asOfVariant,
  parse: (row, { options: { asOfDay } }) => {
    const submitted = {
      row: row.row,
      activity: `oulad-a-${field.wholeNumber(row, 'id_assessment', 0, 999_999_999)}`,
      student: studentCode(row),
      day: field.day(row, 'date_submitted'),
      is_banked: field.oneOf(row, 'is_banked', { '0': false, '1': true }),
      score: field.optionalNumber(row, 'score', 0, 100),
      as_of_day: asOfDay,
    };
    return asOfDay !== null && submitted.day > asOfDay ? null : submitted;
  },
  write: async (client, rows) => {
    await client.query(lockSubmissions, [JSON.stringify(rows)]);
    return writeRows(client, upsertSubmissions, rows);
  },
};

// Whoever grades one of them has ended before the next statement looks for grades, or waits until it has.
const lockSubmissions = `
  SELECT s.id FROM json_to_recordset($1) AS r(activity text, student text)
  JOIN activities a ON a.code = r.activity
  JOIN users u ON u.code = r.student
  JOIN submissions s ON s.user_id = u.id AND s.activity_id = a.id AND s.attempt_no = 1
  ORDER BY s.id FOR NO KEY UPDATE OF s`;

// The course, and with it the first day, is known through the assessment. When a grade was given is not in the data:
// two weeks after the submission is assumed, but not that it is still to come, as the file has it already. What somebody
// has handed in here, and a grade given since, is left alone. Days are of 24 hours: those of the server's time zone need
// not be.
const upsertSubmissions = `
  WITH given AS (
    SELECT r.row, r.is_banked, e.user_id, a.id AS activity_id, a.due_at,
      c.starts_at + make_interval(hours => r.day * 24 + 12) AS submitted_at,
      CASE WHEN r.is_banked OR r.as_of_day IS NULL OR r.day + ${gradingDays} <= r.as_of_day THEN r.score END AS score
    FROM json_to_recordset($1) AS r(row int, activity text, student text, day int, is_banked boolean, score numeric,
      as_of_day int)
    LEFT JOIN activities a ON a.code = r.activity
    LEFT JOIN courses c ON c.id = a.course_id
    LEFT JOIN users u ON u.code = r.student
    LEFT JOIN enrollments e ON e.user_id = u.id AND e.course_id = a.course_id AND e.role = 'student'
  ), written AS (
    INSERT INTO submissions AS s (user_id, activity_id, attempt_no, submitted_at, due_at_effective, status, score,
      graded_at, is_final, told_at)
    SELECT DISTINCT ON (user_id, activity_id) user_id, activity_id, 1, submitted_at, due_at,
      CASE WHEN is_banked THEN 'banked' WHEN score IS NULL THEN 'submitted' ELSE 'graded' END, score,
      CASE WHEN score IS NULL THEN NULL WHEN is_banked THEN submitted_at
        WHEN submitted_at BETWEEN now() - interval '${gradingDays * 24} hours' AND now() THEN now()
        ELSE submitted_at + interval '${gradingDays * 24} hours' END, true, NULL
    FROM given WHERE user_id IS NOT NULL
    ORDER BY user_id, activity_id, row DESC
    ON CONFLICT (user_id, activity_id, attempt_no) DO UPDATE SET submitted_at = excluded.submitted_at,
      status = excluded.status, score = excluded.score,
      -- Another score for the same work should have been the one from the first; none at all was never given.
      graded_at = CASE WHEN excluded.score IS NULL THEN NULL WHEN s.score IS NOT NULL AND (s.submitted_at, s.status) = (excluded.submitted_at, excluded.status)
        THEN least(s.graded_at, excluded.graded_at) ELSE excluded.graded_at END
    -- Of those that were there before that was noted, only the id that their client gave them tells.
    WHERE s.told_at IS NULL AND s.client_id IS NULL AND s.graded_by IS NULL AND s.status <> 'voided'
      AND NOT EXISTS (SELECT 1 FROM grade_changes g WHERE g.submission_id = s.id)
      AND (s.submitted_at, s.status, s.score) IS DISTINCT FROM (excluded.submitted_at, excluded.status, excluded.score)
    RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM written) AS written,
    (SELECT json_agg(row) FROM given WHERE user_id IS NULL) AS unknown`;
