import type { ClientBase } from 'pg';
import { CommandRefused } from '../../command/run-command.js';
import * as field from './fields.js';
import { type OuladFile, type Written, writeRows } from './oulad-file.js';
import { courseCode, startVariant } from './oulad-names.js';
import { startOf } from './starts.js';

const lastSecondMs = 86_399_000;

interface CourseRow {
  readonly row: number;
  readonly code: string;
  readonly name: string;
  readonly starts_at: string;
  readonly ends_at: string;
}

export const courses: OuladFile<CourseRow> = {
  name: 'courses.csv',
  columns: ['code_module', 'code_presentation', 'module_presentation_length'],
  publishedRows: 22,
  withoutIt: null,
  unknownIs: '',
  needs: [],
  variant: startVariant,
  parse: (row, { options }) => {
    const [module, presentation] = [field.code(row, 'code_module'), field.code(row, 'code_presentation')];
    const startMs = startOf(presentation, options.starts);
    return {
      row: row.row,
      code: courseCode(row),
      name: `Module ${module}, ${presentation}`,
      starts_at: field.momentOf(startMs, 0),
      ends_at: field.momentOf(startMs, field.wholeNumber(row, 'module_presentation_length', 1, 3650)),
    };
  },
  write: async (client, rows) => {
    const written = await writeRows(client, upsertCourses, rows);
    const { rows: moved } = await client.query<{ code: string }>(movedCourses, [JSON.stringify(rows)]);
    if (moved.length === 0) return written;
    throw new CommandRefused(
      `${moved[0]?.code ?? ''} is in the database with another first day: give the --start it was imported with.`,
    );
  },
};

interface ActivityRow {
  readonly row: number;
  readonly course: string;
  readonly code: string;
  readonly title: string;
  readonly kind: string;
  readonly weight: number;
  readonly due_at: string | null;
  readonly is_required: boolean;
}

export const assessments: OuladFile<ActivityRow> = {
  name: 'assessments.csv',
  columns: ['code_module', 'code_presentation', 'id_assessment', 'assessment_type', 'date', 'weight'],
  publishedRows: 206,
  withoutIt: 'there are no deadlines, and no submissions',
  unknownIs: 'its course is not in courses.csv',
  needs: ['courses.csv'],
  corrects: ['courses.csv'],
  variant: startVariant,
  parse: (row, { options }) => {
    const presentation = field.code(row, 'code_presentation');
    const id = field.wholeNumber(row, 'id_assessment', 0, 999_999_999);
    const kind = field.oneOf(row, 'assessment_type', { TMA: 'assignment', CMA: 'quiz', Exam: 'exam' });
    const day = field.optionalDay(row, 'date');
    return {
      row: row.row,
      course: courseCode(row),
      code: `oulad-a-${id}`,
      title: `${row.fields.assessment_type ?? ''} ${id}`,
      kind,
      weight: field.optionalNumber(row, 'weight', 0, 10_000) ?? 0,
      due_at: day === null ? null : field.momentOf(startOf(presentation, options.starts), day, lastSecondMs),
      is_required: true,
    };
  },
  // Without a day of its own an exam is due at the end of the course, also once that was corrected.
  write: (client, rows) => upsertActivities(client, rows, 'coalesce(r.due_at, c.ends_at)'),
};

/** Pages of the learning environment; imported only with `--materials`. */
export const materials: OuladFile<ActivityRow> = {
  name: 'vle.csv',
  columns: ['id_site', 'code_module', 'code_presentation', 'activity_type'],
  publishedRows: 6_364,
  withoutIt: 'events do not tell what kind of page was seen',
  unknownIs: 'its course is not in courses.csv',
  needs: ['courses.csv'],
  variant: () => ' materials',
  parse: (row) => {
    const id = field.wholeNumber(row, 'id_site', 0, 999_999_999);
    return {
      row: row.row,
      course: courseCode(row),
      code: `oulad-v-${id}`,
      title: `${field.code(row, 'activity_type')} ${id}`,
      kind: 'exercise',
      weight: 0,
      due_at: null,
      is_required: false,
    };
  },
  write: (client, rows) => upsertActivities(client, rows, 'r.due_at'),
};

const upsertCourses = `
  WITH written AS (
    INSERT INTO courses AS c (code, name, starts_at, ends_at, pass_mark, end_told_at)
    SELECT DISTINCT ON (code) code, name, starts_at, ends_at, 40, NULL::timestamptz
    FROM json_to_recordset($1) AS r(row int, code text, name text, starts_at timestamptz, ends_at timestamptz)
    ORDER BY code, row DESC
    ON CONFLICT (code) DO UPDATE SET ends_at = excluded.ends_at
    -- Another first day is refused below.
    WHERE c.end_told_at IS NULL AND c.starts_at = excluded.starts_at AND c.ends_at <> excluded.ends_at
    RETURNING 1
  )
  SELECT count(*)::int AS written FROM written`;

const movedCourses = `
  SELECT c.code FROM json_to_recordset($1) AS r(code text, starts_at timestamptz) JOIN courses c USING (code)
  WHERE c.starts_at <> r.starts_at ORDER BY 1 LIMIT 1`;

function upsertActivities(client: ClientBase, rows: readonly ActivityRow[], dueAt: string): Promise<Written> {
  const sql = `
    WITH known AS (
      SELECT r.*, c.id AS course_id, ${dueAt} AS due
      FROM json_to_recordset($1) AS r(row int, course text, code text, title text, kind text, weight numeric,
        due_at timestamptz, is_required boolean)
      LEFT JOIN courses c ON c.code = r.course
    ), written AS (
      INSERT INTO activities AS a (code, course_id, title, kind, status, weight, due_at, is_required, terms_told_at)
      SELECT DISTINCT ON (code) code, course_id, title, kind, 'published', weight, due, is_required, NULL::timestamptz
      FROM known WHERE course_id IS NOT NULL
      ORDER BY code, row DESC
      ON CONFLICT (code) DO UPDATE SET kind = excluded.kind, weight = excluded.weight, due_at = excluded.due_at,
        -- That of an import names the kind; whoever has called it something else is left alone.
        title = CASE WHEN a.title ~ '^(TMA|CMA|Exam) [0-9]+$' THEN excluded.title ELSE a.title END
      WHERE a.terms_told_at IS NULL AND a.course_id = excluded.course_id
        AND (a.kind, a.weight, a.due_at) IS DISTINCT FROM (excluded.kind, excluded.weight, excluded.due_at)
      RETURNING id, due_at
    ), judged AS (
      -- Imported work was handed in under the date that should have been there from the first.
      UPDATE submissions s SET due_at_effective = written.due_at
      FROM written
      WHERE s.activity_id = written.id AND s.told_at IS NULL AND s.client_id IS NULL
        AND s.due_at_effective IS DISTINCT FROM written.due_at
    )
    SELECT (SELECT count(*)::int FROM written) AS written,
      (SELECT json_agg(row) FROM known WHERE course_id IS NULL) AS unknown`;
  return writeRows(client, sql, rows);
}
