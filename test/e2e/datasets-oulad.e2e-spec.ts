import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { v5 } from 'uuid';
import { importOulad } from '../../src/datasets/oulad/import-oulad.js';
import { readStarts } from '../../src/datasets/oulad/starts.js';
import { summaryText } from '../../src/datasets/oulad/summary-text.js';
import { contents, fixture, ImportBed } from '../support/import-bed.js';
import { createTestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { runCli, startCli } from '../support/run-cli.js';
import { waitsForLock } from '../support/watched-statements.js';

const bed = new ImportBed();

describe('importing files in the format of OULAD', () => {
  it('maps every file, whatever its dialect', async () => {
    await importOulad(bed.database.dataSource, bed.options());
    const found = await contents(bed.database.dataSource);

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
    await importOulad(bed.database.dataSource, bed.options());

    expect((await bed.readRejects()).map(({ file, row, reason }) => [file, row, reason])).toEqual([
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

  it('imports pages and personal traits only when told so', async () => {
    await importOulad(bed.database.dataSource, bed.options({ materials: true, withDemographics: true }));
    const { activities, demographics } = await contents(bed.database.dataSource);

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
    await importOulad(bed.database.dataSource, bed.options());
    const admin = new Client({ connectionString: bed.database.url });
    await admin.connect();
    bed.onTestEnd.push(() => admin.end());
    await admin.query(`UPDATE users SET deleted_at = now() WHERE code = 'oulad-11391'`);
    await admin.query(`BEGIN; UPDATE users SET deleted_at = now() WHERE code = 'oulad-28400'`);

    const importing = importOulad(bed.database.dataSource, bed.options({ withDemographics: true }));
    await pollUntil(() => waitsForLock(bed.database.dataSource), 10_000);
    await admin.query('COMMIT');
    await importing;

    const { demographics } = await contents(bed.database.dataSource);
    expect(demographics.map(({ student }) => student)).toEqual(['oulad-30268', 'oulad-31604']);
  });

  it('counts no grade of a running course from the future on, where the work is there', async () => {
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    const start = new Date(today - 20 * 86_400_000).toISOString().slice(0, 10);
    const running = bed.options({ starts: readStarts([`2013J=${start}`, `2014B=${start}`]) });

    await importOulad(bed.database.dataSource, running);

    const submitted = `SELECT a.code, s.score::int, s.graded_at, s.graded_at <= clock_timestamp() AS counts,
        extract(epoch FROM s.graded_at - s.submitted_at) / 86400 AS days
      FROM submissions s JOIN activities a ON a.id = s.activity_id
      WHERE s.status = 'graded' ORDER BY a.code, s.score`;
    const grades = await bed.database.dataSource.query<{ counts: boolean; days: string }[]>(submitted);
    expect(grades.map(({ counts }) => counts)).toEqual([true, true, false, false]);
    // Work that is to come, as in a course of the past that is shown as one of today, is graded as it was.
    expect(grades.slice(2).map(({ days }) => Number(days))).toEqual([14, 14]);

    await bed.database.dataSource.query('DELETE FROM import_batches');
    await importOulad(bed.database.dataSource, running);
    expect(await bed.database.dataSource.query(submitted)).toEqual(grades);
  });

  it('takes the first day from the caller, and only one', async () => {
    await importOulad(
      bed.database.dataSource,
      bed.options({ starts: readStarts(['2026-01-12', '2013J=2025-10-06']) }),
    );
    const { courses, activities } = await contents(bed.database.dataSource);

    expect(courses.map((course) => course.starts_at)).toEqual([
      '2025-10-06T00:00:00.000Z',
      '2026-01-12T00:00:00.000Z',
    ]);
    expect(activities[0]?.due_at).toBe('2025-10-25T23:59:59.000Z');
    await expect(importOulad(bed.database.dataSource, bed.options())).rejects.toThrow(
      'AAA-2013J is in the database with another first day',
    );
    expect(() => readStarts(['soon'])).toThrow('--start must be a date');
    expect(() => readStarts(['2013-02-30'])).toThrow('--start must be a date');
  });

  it('refuses the first day of a presentation that is not in the files', async () => {
    await expect(
      importOulad(bed.database.dataSource, bed.options({ starts: readStarts(['2013j=2013-10-05']) })),
    ).rejects.toThrow('--start 2013j: there is no such presentation in');
  });

  it.each([
    ['notes', 'what somebody wrote\nin lines\n'],
    ['one line of notes', 'what somebody wrote'],
    ['other JSON', '{"a": 1}\n'],
    ['one line of JSON', '{"a":1}'],
  ])('imports nothing where %s would be lost', async (_, text) => {
    const rejectsFile = join(bed.folder, 'notes.txt');
    await writeFile(rejectsFile, text);

    await expect(importOulad(bed.database.dataSource, bed.options({ rejectsFile }))).rejects.toThrow(
      'notes.txt holds something else than rejected records: name another file.',
    );

    expect(await readFile(rejectsFile, 'utf8')).toBe(text);
    expect((await contents(bed.database.dataSource)).users).toEqual([]);
  });

  it('does not say that an earlier import wrote its rejected records into the file of this one', async () => {
    await importOulad(bed.database.dataSource, bed.options());
    const again = await importOulad(bed.database.dataSource, bed.options());

    expect(again.files.every(({ wasDone }) => wasDone)).toBe(true);
    const text = summaryText(again, 'r.ndjson');
    expect(text).not.toContain('r.ndjson');
    expect(text).toContain(
      'Rejected records of files that were imported before are where that import wrote them.',
    );
  });

  it('tells what is missing, and what that costs', async () => {
    for (const name of ['courses.csv', 'studentInfo.csv'])
      await cp(join(fixture, name), join(bed.folder, name));
    const summary = await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));

    expect(summaryText(summary, 'r.ndjson').split('\n').slice(3)).toEqual([
      'A subset: 2 of 22 presentations.',
      'assessments.csv is not there: there are no deadlines, and no submissions.',
      'studentRegistration.csv is not there: every enrollment counts from the start of the course.',
      'studentAssessment.csv is not there: there are no submissions.',
      'studentVle.csv is not there: there are no events.',
      'vle.csv is not there: events do not tell what kind of page was seen.',
      'Rejected records are in r.ndjson.',
      'When a grade was given is not in the data: 14 days after the submission is assumed, or now if that is sooner.',
    ]);
    await rm(join(bed.folder, 'courses.csv'));
    await expect(importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }))).rejects.toThrow(
      'courses.csv is missing',
    );
    await expect(
      importOulad(bed.database.dataSource, bed.options({ dir: join(bed.folder, 'none') })),
    ).rejects.toThrow('none is not a folder');
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
    await cp(fixture, bed.folder, { recursive: true });
    await writeFile(join(bed.folder, 'studentVle.csv'), text);

    await expect(importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }))).rejects.toThrow(
      line,
    );
  });

  it('rejects courses that the API could not name', async () => {
    await cp(fixture, bed.folder, { recursive: true });
    const longest = 'X'.repeat(45);
    const presentations = ['P'.repeat(18), 'P'.repeat(19)];
    await writeFile(
      join(bed.folder, 'courses.csv'),
      `module_presentation_length,code_module,code_presentation
      100,AAA,2013J\n120,BBB,2014B\n100,-X,2013J\n100,${longest},${presentations[0]}\n100,${longest},${presentations[1]}\n`,
    );

    await importOulad(
      bed.database.dataSource,
      bed.options({ dir: bed.folder, starts: readStarts(['2026-01-12']) }),
    );

    const { courses } = await contents(bed.database.dataSource);
    expect(courses.map(({ code }) => code)).toEqual([
      'AAA-2013J',
      'BBB-2014B',
      `${longest}-${presentations[0]}`,
    ]);
    expect((await bed.readRejects()).slice(0, 2)).toMatchObject(
      [3, 5].map((row) => ({
        file: 'courses.csv',
        row,
        reason: 'code_module and code_presentation make no id of a course',
      })),
    );
  });

  it('rejects hostile values and goes on', async () => {
    await cp(fixture, bed.folder, { recursive: true });
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
    await appendFile(
      join(bed.folder, 'studentVle.csv'),
      `${hostile.join('\n')}\nAAA,2013J,11391,546652,1,3\n`,
    );
    await mkdir(join(bed.folder, 'sub'));
    await symlink(join(bed.folder, 'sub'), join(bed.folder, 'link'));

    const { files } = await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));

    expect(files.at(-1)).toMatchObject({ name: 'studentVle.csv', imported: 7, rejected: 3 + hostile.length });
    const rejects = await readFile(join(bed.folder, 'rejects.ndjson'), 'utf8');
    expect(rejects.length).toBeLessThan(10_000);
  });
});

describe('npm run import:oulad', () => {
  /** The fixture with 13,000 clicks more, so that they take several transactions. */
  async function longFolder(): Promise<string> {
    const dir = join(bed.folder, 'long');
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
    const words = (rejects: string) => ['--dir', dir, '--rejects', join(bed.folder, rejects)];
    const reference = await createTestDatabase();
    bed.onTestEnd.push(() => reference.drop());
    await importOulad(
      reference.dataSource,
      bed.options({ dir, rejectsFile: join(bed.folder, 'whole.ndjson') }),
    );

    // An uncommitted row with the client id of record 12,345 holds the third transaction up.
    const sha256 = createHash('sha256')
      .update(await readFile(join(dir, 'studentVle.csv')))
      .digest();
    const blocker = new Client({ connectionString: bed.database.url });
    await blocker.connect();
    bed.onTestEnd.push(() => blocker.end());
    // Without triggers, as the import would also wait for the counters that they keep.
    await blocker.query(`SET session_replication_role = replica; BEGIN; INSERT INTO users (code, role) VALUES ('X', 'student');
      INSERT INTO courses (code, name, starts_at, ends_at) VALUES ('X', 'X', now(), now() + interval '1 day')`);
    await blocker.query(
      `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
       SELECT u.id, c.id, 'viewed', now(), $1 FROM users u, courses c WHERE u.code = 'X' AND c.code = 'X'`,
      [v5('12345', sha256.subarray(0, 16))],
    );
    const interrupted = startCli('datasets/import-oulad.cli.js', words('rejects.ndjson'), {
      DATABASE_URL: bed.database.url,
    });
    await pollUntil(() => waitsForLock(bed.database.dataSource, '%INSERT INTO events%'), 20_000);
    interrupted.signal('SIGKILL');
    expect((await interrupted.ended).code).toBe('SIGKILL');
    await blocker.query('ROLLBACK');
    const [half] = await bed.database.dataSource.query<{ read: number; done: boolean }[]>(
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
    await appendFile(join(bed.folder, 'rejects.ndjson'), `${JSON.stringify(stray)}\n{"format":"ou`);

    const resumed = await runCli('datasets/import-oulad.cli.js', words('rejects.ndjson'), {
      DATABASE_URL: bed.database.url,
    });

    expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining('100 %') });
    expect(await contents(bed.database.dataSource)).toEqual(await contents(reference.dataSource));
    expect(await bed.readRejects()).toEqual(await bed.readRejects(join(bed.folder, 'whole.ndjson')));
  }, 90_000);

  it('prints a summary, and one line for what it cannot use', async () => {
    const env = { DATABASE_URL: bed.database.url };
    const done = await runCli(
      'datasets/import-oulad.cli.js',
      ['--dir', fixture, '--rejects', join(bed.folder, 'r.ndjson')],
      env,
    );
    const wrong = await Promise.all(
      [
        ['--dir', join(bed.folder, 'none')],
        ['--dir', fixture, '--start', '5'],
        ['--dir', fixture, '--rejects', bed.folder],
        ['--dir', fixture, '--rejects', join(bed.folder, 'none', 'r.ndjson')],
      ].map((words) => runCli('datasets/import-oulad.cli.js', words, env)),
    );

    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('100 % | ')]);
    expect(done.stdout.replace(/ +/g, ' ')).toContain('\nstudentVle.csv 9 6 0 0 3 10655280\n');
    expect(wrong.map(({ code, stdout, stderr }) => [code, stdout, stderr.split('\n').length])).toEqual(
      wrong.map(() => [1, '', 2]),
    );
  }, 90_000);
});
