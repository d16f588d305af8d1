import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { v5 } from 'uuid';
import { importOulad } from '../../src/datasets/oulad/import-oulad.js';
import type { OuladOptions } from '../../src/datasets/oulad/oulad-options.js';
import { readStarts } from '../../src/datasets/oulad/starts.js';
import { summaryText } from '../../src/datasets/oulad/summary-text.js';
import type { Principal } from '../../src/access/principal.js';
import type { ChangeEnrollmentDto } from '../../src/records/enrollments/enrollment.dto.js';
import { EnrollmentsService } from '../../src/records/enrollments/enrollments.service.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { runCli, startCli } from '../support/run-cli.js';
import { waitsForLock } from '../support/watched-statements.js';

const fixture = join(process.cwd(), 'test/fixtures/oulad');

let database: TestDatabase;
let folder: string;
const onTestEnd: (() => Promise<void>)[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'oulad-'));
});
afterEach(async () => {
  for (const end of onTestEnd.splice(0)) await end();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

function options(changes: Partial<OuladOptions> = {}): OuladOptions {
  return {
    dir: fixture,
    rejectsFile: join(folder, 'rejects.ndjson'),
    starts: readStarts([]),
    materials: false,
    withDemographics: false,
    asOfDay: null,
    ...changes,
  };
}

async function readRejects(file = join(folder, 'rejects.ndjson')) {
  const text = await readFile(file, 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { file: string; row: number; reason: string });
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

async function contents(dataSource: DataSource) {
  const all: Record<string, Record<string, unknown>[]> = {};
  for (const [name, sql] of Object.entries(readings)) all[name] = await dataSource.query(sql);
  return JSON.parse(JSON.stringify(all)) as Record<keyof typeof readings, Record<string, unknown>[]>;
}

describe('importing files in the format of OULAD', () => {
  it('maps every file, whatever its dialect', async () => {
    await importOulad(database.dataSource, options());
    const found = await contents(database.dataSource);

    expect(found.courses).toEqual([
      {
        code: 'AAA-2013J',
        name: 'Module AAA, 2013J',
        starts_at: '2013-10-01T00:00:00.000Z',
        ends_at: '2014-01-09T00:00:00.000Z',
        pass_mark: 40,
      },
      {
        code: 'BBB-2014B',
        name: 'Module BBB, 2014B',
        starts_at: '2014-02-01T00:00:00.000Z',
        ends_at: '2014-06-01T00:00:00.000Z',
        pass_mark: 40,
      },
    ]);
    const shared = { status: 'published', is_required: true };
    expect(found.activities).toEqual([
      {
        ...shared,
        code: 'oulad-a-1752',
        course: 'AAA-2013J',
        kind: 'assignment',
        weight: 10,
        due_at: '2013-10-20T23:59:59.000Z',
      },
      {
        ...shared,
        code: 'oulad-a-1753',
        course: 'AAA-2013J',
        kind: 'quiz',
        weight: 22.5,
        due_at: '2013-11-24T23:59:59.000Z',
      },
      {
        ...shared,
        code: 'oulad-a-1757',
        course: 'AAA-2013J',
        kind: 'exam',
        weight: 100,
        due_at: '2014-01-09T00:00:00.000Z',
      },
      {
        ...shared,
        code: 'oulad-a-1760',
        course: 'BBB-2014B',
        kind: 'assignment',
        weight: 0,
        due_at: '2014-02-19T23:59:59.000Z',
      },
      {
        ...shared,
        code: 'oulad-a-1765',
        course: 'BBB-2014B',
        kind: 'exam',
        weight: 100,
        due_at: '2014-06-01T00:00:00.000Z',
      },
    ]);
    expect(found.users).toEqual(
      ['11391', '28400', '30268', '31604'].map((id) => ({
        code: `oulad-${id}`,
        role: 'student',
        full_name: null,
        email: null,
      })),
    );
    expect(found.enrollments).toEqual([
      {
        student: 'oulad-11391',
        course: 'AAA-2013J',
        status: 'completed',
        enrolled_at: '2013-04-25T00:00:00.000Z',
        ended_at: null,
        final_result: 'pass',
        prior_attempts: 0,
      },
      {
        student: 'oulad-11391',
        course: 'BBB-2014B',
        status: 'failed',
        enrolled_at: '2014-02-21T00:00:00.000Z',
        ended_at: null,
        final_result: 'fail',
        prior_attempts: 2,
      },
      {
        student: 'oulad-28400',
        course: 'AAA-2013J',
        status: 'failed',
        enrolled_at: '2013-08-09T00:00:00.000Z',
        ended_at: null,
        final_result: 'fail',
        prior_attempts: 1,
      },
      {
        student: 'oulad-30268',
        course: 'AAA-2013J',
        status: 'dropped',
        enrolled_at: '2013-07-01T00:00:00.000Z',
        ended_at: '2013-10-13T00:00:00.000Z',
        final_result: 'withdrawn',
        prior_attempts: 0,
      },
      {
        student: 'oulad-31604',
        course: 'AAA-2013J',
        status: 'completed',
        enrolled_at: '2013-10-01T00:00:00.000Z',
        ended_at: null,
        final_result: 'distinction',
        prior_attempts: 0,
      },
    ]);
    const graded = { status: 'graded', is_final: true };
    expect(found.submissions).toEqual([
      {
        ...graded,
        student: 'oulad-11391',
        activity: 'oulad-a-1752',
        submitted_at: '2013-10-19T12:00:00.000Z',
        score: 78,
        graded_at: '2013-11-02T12:00:00.000Z',
      },
      {
        ...graded,
        student: 'oulad-11391',
        activity: 'oulad-a-1753',
        submitted_at: '2013-11-23T12:00:00.000Z',
        score: 85,
        graded_at: '2013-12-07T12:00:00.000Z',
      },
      {
        ...graded,
        status: 'submitted',
        student: 'oulad-11391',
        activity: 'oulad-a-1760',
        submitted_at: '2014-02-19T12:00:00.000Z',
        score: null,
        graded_at: null,
      },
      {
        ...graded,
        status: 'submitted',
        student: 'oulad-28400',
        activity: 'oulad-a-1752',
        submitted_at: '2013-10-23T12:00:00.000Z',
        score: null,
        graded_at: null,
      },
      {
        ...graded,
        status: 'banked',
        student: 'oulad-28400',
        activity: 'oulad-a-1753',
        submitted_at: '2013-09-30T12:00:00.000Z',
        score: 60,
        graded_at: '2013-09-30T12:00:00.000Z',
      },
      {
        ...graded,
        student: 'oulad-31604',
        activity: 'oulad-a-1752',
        submitted_at: '2013-10-18T12:00:00.000Z',
        score: 100,
        graded_at: '2013-11-01T12:00:00.000Z',
      },
      {
        ...graded,
        student: 'oulad-31604',
        activity: 'oulad-a-1753',
        submitted_at: '2013-11-24T12:00:00.000Z',
        score: 90,
        graded_at: '2013-12-08T12:00:00.000Z',
      },
    ]);
    const event = { course: 'AAA-2013J', verb: 'viewed', source: 'oulad' };
    const clickFile = createHash('sha256')
      .update(await readFile(join(fixture, 'studentVle.csv')))
      .digest();
    const idOf = (row: number) => v5(String(row), clickFile.subarray(0, 16));
    expect(found.events).toEqual(
      [
        {
          ...event,
          student: 'oulad-11391',
          occurred_at: '2013-09-21T12:00:00.000Z',
          quantity: 4,
          data: { site: 546652, type: 'forumng' },
          client_id: idOf(1),
        },
        {
          ...event,
          student: 'oulad-11391',
          occurred_at: '2013-09-21T12:00:00.000Z',
          quantity: 4,
          data: { site: 546652, type: 'forumng' },
          client_id: idOf(2),
        },
        {
          ...event,
          student: 'oulad-11391',
          occurred_at: '2013-09-21T12:00:00.000Z',
          quantity: 1,
          data: { site: 546614, type: 'homepage' },
          client_id: idOf(3),
        },
        {
          ...event,
          student: 'oulad-28400',
          occurred_at: '2013-10-01T12:00:00.000Z',
          quantity: 11,
          data: { site: 546614, type: 'homepage' },
          client_id: idOf(4),
        },
        {
          ...event,
          student: 'oulad-31604',
          occurred_at: '2013-10-04T12:00:00.000Z',
          quantity: 2,
          data: { site: 546999, type: null },
          client_id: idOf(5),
        },
        {
          ...event,
          course: 'BBB-2014B',
          student: 'oulad-11391',
          occurred_at: '2014-02-26T12:00:00.000Z',
          quantity: 7,
          data: { site: 700001, type: 'oucontent' },
          client_id: idOf(8),
        },
      ].toSorted((a, b) => (a.client_id < b.client_id ? -1 : 1)),
    );
    expect(found.days).toContainEqual({
      student: 'oulad-11391',
      course: 'AAA-2013J',
      day: '2013-09-21',
      events: 3,
      quantity: 9,
      first_at: '2013-09-21T12:00:00.000Z',
      last_at: '2013-09-21T12:00:00.000Z',
    });
    expect(found.counters).toEqual([
      { name: 'courses', value: 2 },
      { name: 'enrollments', value: 5 },
      { name: 'events', value: 6 },
      { name: 'submissions', value: 7 },
      { name: 'users:student', value: 4 },
    ]);
    expect(found.demographics).toEqual([]);
  });

  it('writes down what it could not import, and why', async () => {
    await importOulad(database.dataSource, options());

    expect((await readRejects()).map(({ file, row, reason }) => [file, row, reason])).toEqual([
      ['assessments.csv', 6, 'its course is not in courses.csv'],
      ['assessments.csv', 7, 'assessment_type is none of TMA, CMA, Exam'],
      ['studentInfo.csv', 6, 'final_result is none of Pass, Distinction, Fail, Withdrawn'],
      ['studentInfo.csv', 7, 'its course is not in courses.csv'],
      ['studentRegistration.csv', 6, 'the student is not in studentInfo.csv for this course'],
      ['studentAssessment.csv', 7, 'score is not a number of 0 to 100'],
      [
        'studentAssessment.csv',
        8,
        'its assessment or student is unknown, or the student is not in that course',
      ],
      [
        'studentAssessment.csv',
        9,
        'its assessment or student is unknown, or the student is not in that course',
      ],
      ['studentAssessment.csv', 10, 'has 3 fields instead of 5'],
      ['studentAssessment.csv', 11, 'date_submitted is not a whole number of -3650 to 3650'],
      ['studentVle.csv', 6, 'sum_click is not a whole number of 1 to 1000000'],
      ['studentVle.csv', 7, 'the student is not in that course'],
      ['studentVle.csv', 9, 'date is not a whole number of -3650 to 3650'],
    ]);
  });

  it('changes nothing when repeated, also when its notes are lost', async () => {
    await importOulad(database.dataSource, options());
    const { batches: _, ...first } = await contents(database.dataSource);
    const outdated = () => database.dataSource.query('SELECT tags FROM cache_outbox');
    const told = await outdated();
    expect(told).toContainEqual({ tags: ['epoch'] });

    const again = await importOulad(database.dataSource, options());
    expect(again.files.every(({ wasDone }) => wasDone)).toBe(true);
    await database.dataSource.query('DELETE FROM import_batches');
    const anew = await importOulad(
      database.dataSource,
      options({ rejectsFile: join(folder, 'again.ndjson') }),
    );

    const { batches: __, ...second } = await contents(database.dataSource);
    expect(second).toEqual(first);
    expect(await outdated()).toEqual(told);
    const click = anew.files.find(({ name }) => name === 'studentVle.csv');
    expect(click).toMatchObject({ imported: 0, unchanged: 6, rejected: 3, wasDone: false });
    expect(await readRejects(join(folder, 'again.ndjson'))).toEqual(await readRejects());
  });

  describe('repeated once what was missing is there', () => {
    const importFolder = (changes: Partial<OuladOptions> = {}) =>
      importOulad(database.dataSource, options({ dir: folder, ...changes }));

    /** What an import of all the files at once would have made. */
    async function madeAtOnce(changes: Partial<OuladOptions> = {}) {
      const other = await createTestDatabase();
      onTestEnd.push(() => other.drop());
      const rejectsFile = join(folder, 'at-once.ndjson');
      await importOulad(other.dataSource, options({ dir: folder, ...changes, rejectsFile }));
      const { batches: _, ...all } = await contents(other.dataSource);
      return { all, rejects: await readRejects(rejectsFile) };
    }

    async function expectAsIfAtOnce(changes: Partial<OuladOptions> = {}) {
      const { batches: _, ...all } = await contents(database.dataSource);
      const atOnce = await madeAtOnce(changes);
      expect(all).toEqual(atOnce.all);
      const inOrder = (rejects: { file: string; row: number }[]) =>
        rejects.toSorted((a, b) => a.file.localeCompare(b.file) || a.row - b.row);
      expect(inOrder(await readRejects())).toEqual(inOrder(atOnce.rejects));
    }

    beforeEach(() => cp(fixture, folder, { recursive: true }));

    it('takes the submissions to assessments that came later, also if a kill had come between them', async () => {
      await rm(join(folder, 'assessments.csv'));
      await importFolder();
      expect((await contents(database.dataSource)).submissions).toEqual([]);
      await cp(join(fixture, 'assessments.csv'), join(folder, 'assessments.csv'));
      await rm(join(folder, 'studentAssessment.csv'));
      await importFolder();
      await cp(join(fixture, 'studentAssessment.csv'), join(folder, 'studentAssessment.csv'));

      const { files } = await importFolder();

      expect(files.filter(({ wasDone }) => !wasDone).map(({ name }) => name)).toEqual([
        'studentAssessment.csv',
      ]);
      await expectAsIfAtOnce();
      expect((await importFolder()).files.every(({ wasDone }) => wasDone)).toBe(true);
    });

    it('takes what students did whom studentInfo.csv did not name at first', async () => {
      const whole = await readFile(join(fixture, 'studentInfo.csv'), 'utf8');
      const named = (line: string) => !line.startsWith('AAA,2013J,31604') && !line.startsWith('BBB');
      await writeFile(join(folder, 'studentInfo.csv'), whole.split('\n').filter(named).join('\n'));
      await importFolder();
      await writeFile(join(folder, 'studentInfo.csv'), whole);

      await importFolder();

      await expectAsIfAtOnce();
    });

    it('takes it also where the import had been killed in the middle of what they did', async () => {
      const whole = await readFile(join(fixture, 'studentInfo.csv'), 'utf8');
      const named = (line: string) => !line.startsWith('AAA,2013J,31604') && !line.startsWith('BBB');
      await writeFile(join(folder, 'studentInfo.csv'), whole.split('\n').filter(named).join('\n'));
      await importFolder();
      await database.dataSource.query(
        `UPDATE import_batches SET finished_at = NULL
         WHERE rows_bad > 0 AND file IN ('studentAssessment.csv', 'studentVle.csv', 'studentRegistration.csv')`,
      );
      await writeFile(join(folder, 'studentInfo.csv'), whole);

      await importFolder();

      await expectAsIfAtOnce();
    });

    it('keeps what was told of an enrolment since, when only a course is new', async () => {
      const info = await readFile(join(folder, 'studentInfo.csv'), 'utf8');
      const good = info
        .split('\n')
        .filter((line) => !/^DDD|Passed/.test(line))
        .join('\n');
      await writeFile(join(folder, 'studentInfo.csv'), good);
      await importFolder();
      const dropped = `SELECT id, status, final_result, ended_at FROM enrollments WHERE status = 'dropped' ORDER BY id`;
      await database.dataSource.query(
        `UPDATE enrollments SET status = 'dropped', final_result = 'withdrawn', ended_at = clock_timestamp()
         WHERE id = (SELECT min(id) FROM enrollments WHERE status = 'completed')`,
      );
      const before = await database.dataSource.query<object[]>(dropped);
      const courses = await readFile(join(folder, 'courses.csv'), 'utf8');
      await writeFile(join(folder, 'courses.csv'), `${courses.trimEnd()}\n"60","NEW","2014J"\n`);

      await importFolder();

      expect(before.length).toBeGreaterThan(0);
      expect(await database.dataSource.query(dropped)).toEqual(before);
    });

    it('moves the days of activity with submissions that were corrected', async () => {
      const submissions = join(folder, 'studentAssessment.csv');
      const text = await readFile(submissions, 'utf8');
      await importFolder();
      const before = (await contents(database.dataSource)).days;
      const corrected = text
        .replace('1752,11391,18,0,78', '1752,11391,40,0,78')
        .replace('1752,31604,17,0,100', '1752,31604,17,1,100')
        .replace('1753,28400,-1,1,60', '1753,28400,-1,0,60');
      await writeFile(submissions, corrected);

      await importFolder();

      expect((await contents(database.dataSource)).days).not.toEqual(before);
      const { batches: _, ...all } = await contents(database.dataSource);
      expect(all).toEqual((await madeAtOnce()).all);
    });

    it('leaves out who registers after the day, though studentInfo.csv names them once more', async () => {
      const whole = await readFile(join(fixture, 'studentInfo.csv'), 'utf8');
      await importFolder({ asOfDay: 10 });
      await writeFile(join(folder, 'studentInfo.csv'), `${whole}AAA,2013J,28400,F,,,,,0,60,N,Pass,\n`);

      await importFolder({ asOfDay: 10 });

      const { enrollments } = await contents(database.dataSource);
      expect(enrollments.map(({ student, course }) => [student, course])).toEqual([
        ['oulad-11391', 'AAA-2013J'],
        ['oulad-28400', 'AAA-2013J'],
        ['oulad-30268', 'AAA-2013J'],
        ['oulad-31604', 'AAA-2013J'],
      ]);
      await expectAsIfAtOnce({ asOfDay: 10 });
    });
  });

  describe('of how an enrolment ended', () => {
    const ends = async () => {
      const rows = await database.dataSource.query<Record<string, unknown>[]>(
        `SELECT e.id, u.code || ' ' || c.code AS of, e.status, e.final_result, e.ended_at
         FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id ORDER BY 2`,
      );
      return Object.fromEntries(rows.map(({ of, ...row }) => [of as string, row]));
    };
    const tell = async (of: string, told: ChangeEnrollmentDto): Promise<void> => {
      const id = (await ends())[of]!.id as string;
      const admin = { role: 'admin', sub: 'ADMIN001' } as Principal;
      await new EnrollmentsService(database.dataSource).change(id, admin, told);
    };

    it('leaves alone what somebody has told, and takes the rest from the file', async () => {
      await cp(fixture, folder, { recursive: true });
      await importOulad(database.dataSource, options({ dir: folder }));
      await tell('oulad-11391 AAA-2013J', { status: 'dropped', ended_at: '2013-12-01T00:00:00Z' });
      await tell('oulad-30268 AAA-2013J', { status: 'active' });
      await tell('oulad-28400 AAA-2013J', { status: 'failed' });
      await tell('oulad-31604 AAA-2013J', {});
      const told = await ends();
      const students = join(folder, 'studentInfo.csv');
      const other = (await readFile(students, 'utf8'))
        .replace('N,Fail,"a, b"', 'N,Pass,')
        .replace('N,Distinction,', 'N,Pass,');
      await writeFile(students, other);
      await database.dataSource.query('DELETE FROM import_batches');

      await importOulad(database.dataSource, options({ dir: folder }));

      const untold = 'oulad-31604 AAA-2013J';
      expect(await ends()).toEqual({ ...told, [untold]: { ...told[untold], final_result: 'pass' } });
      expect(told['oulad-28400 AAA-2013J']).toMatchObject({ status: 'failed', final_result: 'fail' });
    });

    it.each(['studentInfo.csv', 'studentRegistration.csv'])(
      'leaves alone what somebody tells while it reads %s',
      async (file) => {
        await importOulad(database.dataSource, options());
        await database.dataSource.query('DELETE FROM import_batches WHERE file = $1', [file]);
        // Else the file would have nothing to say of it.
        await database.dataSource.query('UPDATE enrollments SET ended_at = NULL');
        const teacher = database.dataSource.createQueryRunner();
        onTestEnd.push(() => teacher.release());
        await teacher.startTransaction();
        await teacher.query(
          `UPDATE enrollments SET status = 'failed', final_result = 'fail', ended_at = '2013-12-01Z', end_told_at = now()
           WHERE status = 'dropped'`,
        );

        const importing = importOulad(database.dataSource, options());
        await pollUntil(() => waitsForLock(database.dataSource), 10_000);
        await teacher.commitTransaction();
        await importing;

        expect((await ends())['oulad-30268 AAA-2013J']).toMatchObject({
          status: 'failed',
          final_result: 'fail',
          ended_at: new Date('2013-12-01T00:00:00Z'),
        });
      },
    );
  });

  it('leaves a grade alone that was given since, by whomever', async () => {
    await importOulad(database.dataSource, options());
    const [graded] = await database.dataSource
      .query(
        `UPDATE submissions SET score = 1 WHERE id = (SELECT min(id) FROM submissions WHERE status = 'graded')
       RETURNING id`,
      )
      .then(([rows]: [{ id: string }[]]) => rows);
    await database.dataSource.query(
      'INSERT INTO grade_changes (submission_id, old_score, new_score) VALUES ($1, 2, 1)',
      [graded!.id],
    );
    await database.dataSource.query('DELETE FROM import_batches');

    await importOulad(database.dataSource, options());

    const [after] = await database.dataSource.query('SELECT score::float FROM submissions WHERE id = $1', [
      graded!.id,
    ]);
    expect(after).toEqual({ score: 1 });
  });

  it('leaves a grade alone that is being given while it imports', async () => {
    await importOulad(database.dataSource, options());
    await database.dataSource.query('DELETE FROM import_batches');
    const teacher = new Client({ connectionString: database.url });
    await teacher.connect();
    onTestEnd.push(() => teacher.end());
    await teacher.query('BEGIN');
    const { rows } = await teacher.query<{ id: string }>(
      `UPDATE submissions SET score = 95 WHERE id = (SELECT min(id) FROM submissions WHERE status = 'graded')
       RETURNING id`,
    );
    const id = rows[0]!.id;

    const importing = importOulad(database.dataSource, options());
    await pollUntil(() => waitsForLock(database.dataSource), 10_000);
    await teacher.query(
      'INSERT INTO grade_changes (submission_id, old_score, new_score) VALUES ($1, 2, 95)',
      [id],
    );
    await teacher.query('COMMIT');
    await importing;

    const after = await teacher.query('SELECT score::float FROM submissions WHERE id = $1', [id]);
    expect(after.rows).toEqual([{ score: 95 }]);
  });

  it('imports pages and personal traits only when told so', async () => {
    await importOulad(database.dataSource, options({ materials: true, withDemographics: true }));
    const { activities, demographics } = await contents(database.dataSource);

    expect(activities.filter(({ code }) => String(code).startsWith('oulad-v-'))).toHaveLength(3);
    expect(activities).toContainEqual(
      expect.objectContaining({ code: 'oulad-v-546614', is_required: false, weight: 0, due_at: null }),
    );
    expect(demographics.slice(0, 2)).toEqual([
      { student: 'oulad-11391', gender: 'M', region: 'Wales', imd_band: '90-100%' },
      { student: 'oulad-28400', gender: 'F', region: 'Scotland', imd_band: null },
    ]);
  });

  it('brings back no personal traits of who was deleted, also while it imports', async () => {
    await importOulad(database.dataSource, options());
    const admin = new Client({ connectionString: database.url });
    await admin.connect();
    onTestEnd.push(() => admin.end());
    await admin.query(`UPDATE users SET deleted_at = now() WHERE code = 'oulad-11391'`);
    await admin.query(`BEGIN; UPDATE users SET deleted_at = now() WHERE code = 'oulad-28400'`);

    const importing = importOulad(database.dataSource, options({ withDemographics: true }));
    await pollUntil(() => waitsForLock(database.dataSource), 10_000);
    await admin.query('COMMIT');
    await importing;

    const { demographics } = await contents(database.dataSource);
    expect(demographics.map(({ student }) => student)).toEqual(['oulad-30268', 'oulad-31604']);
  });

  it('goes on to a later day without taking back an end that somebody has told meanwhile', async () => {
    await importOulad(database.dataSource, options({ asOfDay: 20 }));
    const ended = `SELECT id, status, final_result, ended_at FROM enrollments WHERE status <> 'active' ORDER BY id`;
    await database.dataSource.query(
      `UPDATE enrollments SET status = 'failed', final_result = 'fail', ended_at = clock_timestamp()
       WHERE id = (SELECT min(id) FROM enrollments WHERE status = 'active')`,
    );
    const before = await database.dataSource.query<object[]>(ended);

    await importOulad(database.dataSource, options({ asOfDay: 25 }));

    expect(before).toHaveLength(2);
    expect(await database.dataSource.query(ended)).toEqual(before);

    // The whole of it is another matter: it knows how each has ended, and when.
    const ends = 'SELECT ended_at FROM enrollments WHERE id = $1';
    await importOulad(database.dataSource, options());
    const [own] = await database.dataSource.query<{ ended_at: Date | null }[]>(ends, [
      (before as { id: string; status: string }[]).find(({ status }) => status === 'failed')?.id,
    ]);
    expect(own?.ended_at).toBeNull();
  });

  it('stops at a day and goes on to a later one, as if it had been imported at once', async () => {
    await importOulad(database.dataSource, options({ asOfDay: 20 }));
    const atDay20 = await contents(database.dataSource);
    expect(atDay20.enrollments.map(({ status, final_result }) => [status, final_result])).toEqual([
      ['active', null],
      ['active', null],
      ['active', null],
      ['dropped', 'withdrawn'],
      ['active', null],
    ]);
    // Submitted on day 17 and 18, graded two weeks later; the banked grade is from before the course.
    expect(atDay20.submissions.map(({ status }) => status)).toEqual([
      'submitted',
      'submitted',
      'banked',
      'submitted',
    ]);
    expect(atDay20.events).toHaveLength(5);

    await importOulad(database.dataSource, options({ asOfDay: 40 }));
    expect((await contents(database.dataSource)).submissions).toContainEqual(
      expect.objectContaining({
        student: 'oulad-11391',
        activity: 'oulad-a-1752',
        status: 'graded',
        score: 78,
      }),
    );
    await importOulad(database.dataSource, options());
    const { batches: _, ...inSteps } = await contents(database.dataSource);
    const other = await createTestDatabase();
    await importOulad(other.dataSource, options());
    const { batches: __, ...atOnce } = await contents(other.dataSource);
    await other.drop();
    expect(inSteps).toEqual(atOnce);

    await expect(importOulad(database.dataSource, options({ asOfDay: 90 }))).rejects.toThrow(
      'can only move on',
    );
  });

  it('gives personal traits also to who registers between two days', async () => {
    await cp(fixture, folder, { recursive: true });
    const students = join(folder, 'studentInfo.csv');
    const lines = (await readFile(students, 'utf8')).split('\n');
    // A file with rejects is read again at any rate.
    await writeFile(students, lines.filter((line) => !/,(99999|77777),/.test(line)).join('\n'));
    const late = { dir: folder, withDemographics: true };
    const traits = () =>
      database.dataSource.query<object[]>(
        `SELECT u.code, d.gender FROM student_demographics d JOIN enrollments e ON e.id = d.enrollment_id
         JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id WHERE c.code = 'BBB-2014B'`,
      );
    await importOulad(database.dataSource, options({ ...late, asOfDay: 19 }));
    expect(await traits()).toEqual([]);

    await importOulad(database.dataSource, options({ ...late, asOfDay: 20 }));
    expect(await traits()).toEqual([{ code: 'oulad-11391', gender: 'M' }]);

    await importOulad(database.dataSource, options({ ...late, asOfDay: 30 }));
    await importOulad(database.dataSource, options(late));
    expect(await traits()).toHaveLength(1);
  });

  it('counts no grade of a running course from the future on, where the work is there', async () => {
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    const start = new Date(today - 20 * 86_400_000).toISOString().slice(0, 10);
    const running = options({ starts: readStarts([`2013J=${start}`, `2014B=${start}`]) });

    await importOulad(database.dataSource, running);

    const submitted = `SELECT a.code, s.score::int, s.graded_at, s.graded_at <= clock_timestamp() AS counts,
        extract(epoch FROM s.graded_at - s.submitted_at) / 86400 AS days
      FROM submissions s JOIN activities a ON a.id = s.activity_id
      WHERE s.status = 'graded' ORDER BY a.code, s.score`;
    const grades = await database.dataSource.query<{ counts: boolean; days: string }[]>(submitted);
    expect(grades.map(({ counts }) => counts)).toEqual([true, true, false, false]);
    // Work that is to come, as in a course of the past that is shown as one of today, is graded as it was.
    expect(grades.slice(2).map(({ days }) => Number(days))).toEqual([14, 14]);

    await database.dataSource.query('DELETE FROM import_batches');
    await importOulad(database.dataSource, running);
    expect(await database.dataSource.query(submitted)).toEqual(grades);
  });

  it('counts a score that a later file corrects from when the first one counted', async () => {
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    const start = new Date(today - 20 * 86_400_000).toISOString().slice(0, 10);
    const starts = readStarts([`2013J=${start}`, `2014B=${start}`]);
    await cp(fixture, folder, { recursive: true });
    await importOulad(database.dataSource, options({ starts, dir: folder }));
    const grade = () =>
      database.dataSource.query<{ graded_at: Date; score: number }[]>(
        `SELECT s.graded_at, s.score::int FROM submissions s JOIN users u ON u.id = s.user_id
         JOIN activities a ON a.id = s.activity_id WHERE u.code = 'oulad-11391' AND a.code LIKE '%1752'`,
      );
    const [first] = await grade();
    const file = join(folder, 'studentAssessment.csv');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('1752,11391,18,0,78', '1752,11391,18,0,70'));

    await importOulad(database.dataSource, options({ starts, dir: folder }));

    const [corrected] = await grade();
    expect([first?.score, corrected?.score]).toEqual([78, 70]);
    expect(corrected?.graded_at).toEqual(first?.graded_at);
  });

  it('takes the first day from the caller, and only one', async () => {
    await importOulad(
      database.dataSource,
      options({ starts: readStarts(['2026-01-12', '2013J=2025-10-06']) }),
    );
    const { courses, activities } = await contents(database.dataSource);

    expect(courses.map((course) => course.starts_at)).toEqual([
      '2025-10-06T00:00:00.000Z',
      '2026-01-12T00:00:00.000Z',
    ]);
    expect(activities[0]?.due_at).toBe('2025-10-25T23:59:59.000Z');
    await expect(importOulad(database.dataSource, options())).rejects.toThrow(
      'AAA-2013J is in the database with another first day',
    );
    expect(() => readStarts(['soon'])).toThrow('--start must be a date');
    expect(() => readStarts(['2013-02-30'])).toThrow('--start must be a date');
  });

  it('refuses the first day of a presentation that is not in the files', async () => {
    await expect(
      importOulad(database.dataSource, options({ starts: readStarts(['2013j=2013-10-05']) })),
    ).rejects.toThrow('--start 2013j: there is no such presentation in');
  });

  it('tells what is missing, and what that costs', async () => {
    for (const name of ['courses.csv', 'studentInfo.csv']) await cp(join(fixture, name), join(folder, name));
    const summary = await importOulad(database.dataSource, options({ dir: folder }));

    expect(summaryText(summary, 'r.ndjson').split('\n').slice(3)).toEqual([
      'A subset: 2 of 22 presentations.',
      'assessments.csv is not there: there are no deadlines, and no submissions.',
      'studentRegistration.csv is not there: every enrolment counts from the start of the course.',
      'studentAssessment.csv is not there: there are no submissions.',
      'studentVle.csv is not there: there are no events.',
      'vle.csv is not there: events do not tell what kind of page was seen.',
      'Rejected records are in r.ndjson.',
      'When a grade was given is not in the data: 14 days after the submission is assumed, or now if that is sooner.',
    ]);
    await rm(join(folder, 'courses.csv'));
    await expect(importOulad(database.dataSource, options({ dir: folder }))).rejects.toThrow(
      'courses.csv is missing',
    );
    await expect(importOulad(database.dataSource, options({ dir: join(folder, 'none') }))).rejects.toThrow(
      'none is not a folder',
    );
  });

  it.each([
    ['an empty file', '', 'studentVle.csv is empty.'],
    [
      'other columns',
      'a,b\n1,2\n',
      'studentVle.csv lacks the columns code_module, code_presentation, id_student, id_site, date, sum_click.',
    ],
    [
      'a quote that is never closed',
      `code_module,code_presentation,id_student,id_site,date,sum_click\n"AAA,${'2013J\n'.repeat(20_000)}`,
      'studentVle.csv cannot be read after record 0: is a quote not closed? (CSV_MAX_RECORD_SIZE)',
    ],
    [
      'one endless line',
      'x'.repeat(3_000_000),
      'studentVle.csv cannot be read after record 0: is a quote not closed? (CSV_MAX_RECORD_SIZE)',
    ],
  ])('refuses %s with one line', async (_what, text, line) => {
    await cp(fixture, folder, { recursive: true });
    await writeFile(join(folder, 'studentVle.csv'), text);

    await expect(importOulad(database.dataSource, options({ dir: folder }))).rejects.toThrow(line);
  });

  it('rejects courses that the API could not name', async () => {
    await cp(fixture, folder, { recursive: true });
    const longest = 'X'.repeat(45);
    const presentations = ['P'.repeat(18), 'P'.repeat(19)];
    await writeFile(
      join(folder, 'courses.csv'),
      `module_presentation_length,code_module,code_presentation
      100,AAA,2013J\n120,BBB,2014B\n100,-X,2013J\n100,${longest},${presentations[0]}\n100,${longest},${presentations[1]}\n`,
    );

    await importOulad(database.dataSource, options({ dir: folder, starts: readStarts(['2026-01-12']) }));

    const { courses } = await contents(database.dataSource);
    expect(courses.map(({ code }) => code)).toEqual([
      'AAA-2013J',
      'BBB-2014B',
      `${longest}-${presentations[0]}`,
    ]);
    expect((await readRejects()).slice(0, 2)).toMatchObject(
      [3, 5].map((row) => ({
        file: 'courses.csv',
        row,
        reason: 'code_module and code_presentation make no id of a course',
      })),
    );
  });

  it('rejects hostile values and goes on', async () => {
    await cp(fixture, folder, { recursive: true });
    const hostile = [
      `AAA,2013J,11391,546652,1,99999999999999999999`,
      `AAA,2013J,1e3,546652,1,1`,
      `AAA,2013J,-1,546652,1,1`,
      `AAA,2013J,11391,546652,1,NaN`,
      `"A'; DROP TABLE users; --",2013J,11391,546652,1,1`,
      `AAA\u0000,2013J,11391,546652,1,1`,
      `AAA,constructor,11391,546652,1,1`,
      `${'A'.repeat(60_000)},2013J,11391,546652,1,1`,
    ];
    await appendFile(join(folder, 'studentVle.csv'), `${hostile.join('\n')}\nAAA,2013J,11391,546652,1,3\n`);
    await mkdir(join(folder, 'sub'));
    await symlink(join(folder, 'sub'), join(folder, 'link'));

    const { files } = await importOulad(database.dataSource, options({ dir: folder }));

    expect(files.at(-1)).toMatchObject({ name: 'studentVle.csv', imported: 7, rejected: 3 + hostile.length });
    const rejects = await readFile(join(folder, 'rejects.ndjson'), 'utf8');
    expect(rejects.length).toBeLessThan(10_000);
  });
});

describe('npm run import:oulad', () => {
  /** The fixture with 13,000 clicks more, so that they take several transactions. */
  async function longFolder(): Promise<string> {
    const dir = join(folder, 'long');
    await cp(fixture, dir, { recursive: true });
    const lines = Array.from({ length: 13_000 }, (_, index) => {
      const quantity = index % 1_000 === 999 ? 'bad' : (index % 9) + 1;
      return `AAA,2013J,${['11391', '28400', '31604'][index % 3]!},546652,${index % 90},${quantity}\n`;
    });
    await appendFile(join(dir, 'studentVle.csv'), lines.join(''));
    return dir;
  }

  it('goes on where a kill stopped it, and ends as if nothing had happened', async () => {
    const dir = await longFolder();
    const words = (rejects: string) => ['--dir', dir, '--rejects', join(folder, rejects)];
    const reference = await createTestDatabase();
    onTestEnd.push(() => reference.drop());
    await importOulad(reference.dataSource, options({ dir, rejectsFile: join(folder, 'whole.ndjson') }));

    // An uncommitted row with the client id of record 12,345 holds the third transaction up.
    const sha256 = createHash('sha256')
      .update(await readFile(join(dir, 'studentVle.csv')))
      .digest();
    const blocker = new Client({ connectionString: database.url });
    await blocker.connect();
    onTestEnd.push(() => blocker.end());
    // Without triggers, as the import would also wait for the counters that they keep.
    await blocker.query(`SET session_replication_role = replica; BEGIN; INSERT INTO users (code, role) VALUES ('X', 'student');
      INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('X', 'X', now(), now() + interval '1 day')`);
    await blocker.query(
      `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
       SELECT u.id, c.id, 'viewed', now(), $1 FROM users u, courses c WHERE u.code = 'X' AND c.code = 'X'`,
      [v5('12345', sha256.subarray(0, 16))],
    );
    const interrupted = startCli('datasets/import-oulad.cli.js', words('rejects.ndjson'), {
      DATABASE_URL: database.url,
    });
    await pollUntil(() => waitsForLock(database.dataSource, '%INSERT INTO events%'), 20_000);
    interrupted.signal('SIGKILL');
    expect((await interrupted.ended).code).toBe('SIGKILL');
    await blocker.query('ROLLBACK');
    const [half] = await database.dataSource.query<{ read: number; done: boolean }[]>(
      `SELECT rows_ok + rows_dup + rows_later + rows_bad AS read, finished_at IS NOT NULL AS done
       FROM import_batches WHERE file = 'studentVle.csv'`,
    );
    expect(half).toEqual({ read: 10_000, done: false });
    // What the killed process noted of a transaction that it did not commit.
    const stray = {
      format: 'oulad',
      file: 'studentVle.csv',
      row: 12_008,
      reason: 'noted too early',
      fields: {},
    };
    await appendFile(join(folder, 'rejects.ndjson'), `${JSON.stringify(stray)}\n{"half a li`);

    const resumed = await runCli('datasets/import-oulad.cli.js', words('rejects.ndjson'), {
      DATABASE_URL: database.url,
    });

    expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining('100 %') });
    expect(await contents(database.dataSource)).toEqual(await contents(reference.dataSource));
    expect(await readRejects()).toEqual(await readRejects(join(folder, 'whole.ndjson')));
  }, 90_000);

  it('prints a summary, and one line for what it cannot use', async () => {
    const env = { DATABASE_URL: database.url };
    const done = await runCli(
      'datasets/import-oulad.cli.js',
      ['--dir', fixture, '--rejects', join(folder, 'r.ndjson')],
      env,
    );
    const wrong = await Promise.all(
      [
        ['--dir', join(folder, 'none')],
        ['--dir', fixture, '--start', '5'],
      ].map((words) => runCli('datasets/import-oulad.cli.js', words, env)),
    );

    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('100 % | ')]);
    expect(done.stdout.replace(/ +/g, ' ')).toContain('\nstudentVle.csv 9 6 0 0 3 10655280\n');
    expect(wrong.map(({ code, stdout, stderr }) => [code, stdout, stderr.split('\n').length])).toEqual(
      wrong.map(() => [1, '', 2]),
    );
  }, 90_000);
});
