import { v5 } from 'uuid';
import * as field from './fields.js';
import { type OuladFile, writeRows } from './oulad-file.js';
import { asOfVariant, courseCode, studentCode } from './oulad-names.js';
import { startOf } from './starts.js';

const middayMs = 43_200_000;

interface ClickRow {
  readonly row: number;
  readonly course: string;
  readonly student: string;
  readonly occurred_at: string;
  readonly quantity: number;
  readonly client_id: string;
  readonly data: { readonly site: number; readonly type: string | null };
}

/**
 * Clicks as events. The same student, page and day repeat, so a record is known by its file and place in it; the
 * same records in another file are other events.
 */
export const clicks: OuladFile<ClickRow> = {
  name: 'studentVle.csv',
  columns: ['code_module', 'code_presentation', 'id_student', 'id_site', 'date', 'sum_click'],
  publishedRows: 10_655_280,
  withoutIt: 'there are no events',
  unknownIs: 'the student is not in that course',
  needs: ['courses.csv', 'studentInfo.csv'],
  addsOnly: true,
  variant: asOfVariant,
  parse: (row, { options, sha256, sites }) => {
    const day = field.day(row, 'date');
    const site = field.wholeNumber(row, 'id_site', 0, 999_999_999);
    const quantity = field.wholeNumber(row, 'sum_click', 1, 1_000_000);
    const startMs = startOf(field.code(row, 'code_presentation'), options.starts);
    if (options.asOfDay !== null && day > options.asOfDay) return null;
    return {
      row: row.row,
      course: courseCode(row),
      student: studentCode(row),
      occurred_at: field.momentOf(startMs, day, middayMs),
      quantity,
      client_id: v5(String(row.row), sha256.subarray(0, 16)),
      data: { site, type: sites.get(site) ?? null },
    };
  },
  write: (client, rows) => writeRows(client, insertEvents, rows),
};

const insertEvents = `
  WITH known AS (
    SELECT r.*, e.user_id, e.course_id
    FROM json_to_recordset($1) AS r(row int, course text, student text, occurred_at timestamptz, quantity int,
      client_id uuid, data jsonb)
    LEFT JOIN users u ON u.code = r.student
    LEFT JOIN courses c ON c.code = r.course
    LEFT JOIN enrollments e ON e.user_id = u.id AND e.course_id = c.id AND e.role = 'student'
  ), written AS (
    INSERT INTO events (user_id, course_id, verb, occurred_at, quantity, client_id, source, data)
    SELECT user_id, course_id, 'viewed', occurred_at, quantity, client_id, 'oulad', data
    FROM known WHERE user_id IS NOT NULL
    ON CONFLICT (client_id) DO NOTHING
    RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM written) AS written,
    (SELECT json_agg(row) FROM known WHERE user_id IS NULL) AS unknown`;
