import * as field from './fields.js';
import { type OuladFile, writeRows } from './oulad-file.js';
import { asOfVariant, courseCode, studentCode } from './oulad-names.js';

const columns = ['gender', 'region', 'highest_education', 'imd_band', 'age_band', 'disability'] as const;

type Demographics = Readonly<Record<(typeof columns)[number], string | null>>;

interface DemographicsRow extends Demographics {
  readonly row: number;
  readonly course: string;
  readonly student: string;
}

/** Personal traits, only with `--with-demographics`, into a table that no measure reads: for checks of fairness. */
export const demographics: OuladFile<DemographicsRow> = {
  name: 'studentInfo.csv',
  columns: ['code_module', 'code_presentation', 'id_student', ...columns],
  publishedRows: 32_593,
  withoutIt: null,
  unknownIs: 'the enrollment is unknown',
  needs: ['courses.csv', 'studentInfo.csv'],
  // Whoever registers after the day loses theirs with the enrollment.
  corrects: ['studentInfo.csv'],
  variant: (options) => `${asOfVariant(options)} demographics`,
  parse: (row) => {
    const traits = Object.fromEntries(columns.map((column) => [column, field.optionalText(row, column)]));
    return { row: row.row, course: courseCode(row), student: studentCode(row), ...(traits as Demographics) };
  },
  write: async (client, rows) => {
    await client.query(lockUsers, [JSON.stringify(rows)]);
    return writeRows(client, insertDemographics, rows);
  },
};

// Whoever deletes one of them has ended before the next statement looks who is deleted, or waits until it has.
const lockUsers = `
  SELECT u.id FROM users u
  WHERE u.code IN (SELECT r.student FROM json_to_recordset($1) AS r(student text))
  ORDER BY u.id FOR SHARE`;

// Traits of deleted people are forgotten, and stay so.
const insertDemographics = `
  WITH known AS (
    SELECT r.*, e.id AS enrollment_id, u.deleted_at
    FROM json_to_recordset($1) AS r(row int, course text, student text, ${columns.map((column) => `${column} text`).join(', ')})
    LEFT JOIN users u ON u.code = r.student
    LEFT JOIN courses c ON c.code = r.course
    LEFT JOIN enrollments e ON e.user_id = u.id AND e.course_id = c.id AND e.role = 'student'
  ), written AS (
    INSERT INTO student_demographics (enrollment_id, ${columns.join(', ')})
    SELECT DISTINCT ON (enrollment_id) enrollment_id, ${columns.join(', ')}
    FROM known WHERE enrollment_id IS NOT NULL AND deleted_at IS NULL
    ORDER BY enrollment_id, row DESC
    ON CONFLICT (enrollment_id) DO NOTHING
    RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM written) AS written,
    (SELECT json_agg(row) FROM known WHERE enrollment_id IS NULL) AS unknown`;
