import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { OuladOptions } from '../../src/datasets/oulad/oulad-options.js';
import { readStarts } from '../../src/datasets/oulad/starts.js';
import { createTestDatabase, type TestDatabase } from './postgres.js';

export const fixture = join(process.cwd(), 'test/fixtures/oulad');

/** A database and a folder for each test, to import into. */
export class ImportBed {
  database!: TestDatabase;
  folder!: string;
  readonly onTestEnd: (() => Promise<void>)[] = [];

  constructor() {
    beforeEach(async () => {
      this.database = await createTestDatabase();
      this.folder = await mkdtemp(join(tmpdir(), 'oulad-'));
    });
    afterEach(async () => {
      for (const end of this.onTestEnd.splice(0)) await end();
      await this.database.drop();
      await rm(this.folder, { recursive: true, force: true });
    });
  }

  options(changes: Partial<OuladOptions> = {}): OuladOptions {
    return {
      dir: fixture,
      rejectsFile: join(this.folder, 'rejects.ndjson'),
      starts: readStarts([]),
      materials: false,
      withDemographics: false,
      asOfDay: null,
      ...changes,
    };
  }

  async readRejects(file = join(this.folder, 'rejects.ndjson')) {
    const text = await readFile(file, 'utf8');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { file: string; row: number; reason: string });
  }
}

const readings = {
  courses: 'SELECT code, name, starts_at, ends_at, pass_mark::float FROM courses ORDER BY 1',
  activities: `SELECT a.code, c.code AS course, kind, status, weight::float, due_at, is_required
    FROM activities a JOIN courses c ON c.id = a.course_id ORDER BY 1`,
  users: 'SELECT code, role, full_name, email FROM users ORDER BY 1',
  enrollments: `SELECT u.code AS student, c.code AS course, e.status, enrolled_at, ended_at, final_result, prior_attempts
    FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id ORDER BY 1, 2`,
  submissions: `SELECT u.code AS student, a.code AS activity, submitted_at, s.status, score::float, graded_at, is_final
    FROM submissions s JOIN users u ON u.id = s.user_id JOIN activities a ON a.id = s.activity_id ORDER BY 1, 2`,
  events: `SELECT u.code AS student, c.code AS course, verb, occurred_at, quantity, source, data, client_id
    FROM events e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id ORDER BY client_id`,
  days: `SELECT u.code AS student, c.code AS course, day::text, events, quantity::int, first_at, last_at
    FROM activity_days d JOIN users u ON u.id = d.user_id JOIN courses c ON c.id = d.course_id ORDER BY 1, 2, 3`,
  counters: 'SELECT name, sum(value)::int AS value FROM system_counters GROUP BY 1 ORDER BY 1',
  demographics: `SELECT u.code AS student, gender, region, imd_band
    FROM student_demographics d JOIN enrollments e ON e.id = d.enrollment_id JOIN users u ON u.id = e.user_id
    JOIN courses c ON c.id = e.course_id WHERE c.code = 'AAA-2013J' ORDER BY 1`,
  batches: `SELECT format, file, rows_ok, rows_dup, rows_later, rows_bad, finished_at IS NOT NULL AS done
    FROM import_batches ORDER BY 2, 1`,
};

/** All that an import makes. */
export async function contents(dataSource: DataSource) {
  const all: Record<string, Record<string, unknown>[]> = {};
  for (const [name, sql] of Object.entries(readings)) all[name] = await dataSource.query(sql);
  return JSON.parse(JSON.stringify(all)) as Record<keyof typeof readings, Record<string, unknown>[]>;
}
