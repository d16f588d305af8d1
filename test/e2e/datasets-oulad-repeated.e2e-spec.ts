import { appendFile, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Principal } from '../../src/access/principal.js';
import { importOulad } from '../../src/datasets/oulad/import-oulad.js';
import type { OuladOptions } from '../../src/datasets/oulad/oulad-options.js';
import { readStarts } from '../../src/datasets/oulad/starts.js';
import type { ChangeEnrollmentDto } from '../../src/records/enrollments/enrollment.dto.js';
import { ActivitiesService } from '../../src/records/activities/activities.service.js';
import { CoursesService } from '../../src/records/courses/courses.service.js';
import { EnrollmentsService } from '../../src/records/enrollments/enrollments.service.js';
import type { CreateSubmissionDto } from '../../src/records/submissions/submission.dto.js';
import { SubmissionsService } from '../../src/records/submissions/submissions.service.js';
import { contents, fixture, ImportBed } from '../support/import-bed.js';
import { createTestDatabase } from '../support/postgres.js';
import { pollUntil } from '../support/processes.js';
import { waitsForLock } from '../support/watched-statements.js';

const bed = new ImportBed();
const admin = { role: 'admin', sub: 'ADMIN001' } as Principal;

describe('importing files in the format of OULAD', () => {
  it('changes nothing when repeated, also when its notes are lost', async () => {
    await importOulad(bed.database.dataSource, bed.options());
    const { batches: _, ...first } = await contents(bed.database.dataSource);
    const outdated = () => bed.database.dataSource.query('SELECT tags FROM cache_outbox');
    const told = await outdated();
    expect(told).toContainEqual({ tags: ['epoch'] });

    const again = await importOulad(bed.database.dataSource, bed.options());
    expect(again.files.every(({ wasDone }) => wasDone)).toBe(true);
    await bed.database.dataSource.query('DELETE FROM import_batches');
    const anew = await importOulad(
      bed.database.dataSource,
      bed.options({ rejectsFile: join(bed.folder, 'again.ndjson') }),
    );

    const { batches: __, ...second } = await contents(bed.database.dataSource);
    expect(second).toEqual(first);
    expect(await outdated()).toEqual(told);
    const click = anew.files.find(({ name }) => name === 'studentVle.csv');
    expect(click).toMatchObject({ imported: 0, unchanged: 6, rejected: 3, wasDone: false });
    expect(await bed.readRejects(join(bed.folder, 'again.ndjson'))).toEqual(await bed.readRejects());
  });

  describe('repeated once what was missing is there', () => {
    const importFolder = (changes: Partial<OuladOptions> = {}) =>
      importOulad(bed.database.dataSource, bed.options({ dir: bed.folder, ...changes }));

    /** What an import of all the files at once would have made. */
    async function madeAtOnce(changes: Partial<OuladOptions> = {}) {
      const other = await createTestDatabase();
      bed.onTestEnd.push(() => other.drop());
      const rejectsFile = join(bed.folder, 'at-once.ndjson');
      await importOulad(other.dataSource, bed.options({ dir: bed.folder, ...changes, rejectsFile }));
      const { batches: _, ...all } = await contents(other.dataSource);
      return { all, rejects: await bed.readRejects(rejectsFile) };
    }

    async function expectAsIfAtOnce(changes: Partial<OuladOptions> = {}) {
      const { batches: _, ...all } = await contents(bed.database.dataSource);
      const atOnce = await madeAtOnce(changes);
      expect(all).toEqual(atOnce.all);
      const inOrder = (rejects: { file: string; row: number }[]) =>
        rejects.toSorted((a, b) => a.file.localeCompare(b.file) || a.row - b.row);
      expect(inOrder(await bed.readRejects())).toEqual(inOrder(atOnce.rejects));
    }

    /** Corrects a file. */
    async function rewrite(name: string, ...corrections: [wrong: string, right: string][]): Promise<void> {
      const file = join(bed.folder, name);
      let text = await readFile(file, 'utf8');
      for (const [wrong, right] of corrections) {
        expect(text).toContain(wrong);
        text = text.replace(wrong, right);
      }
      await writeFile(file, text);
    }

    beforeEach(() => cp(fixture, bed.folder, { recursive: true }));

    it('takes the submissions to assessments that came later, also if a kill had come between them', async () => {
      await rm(join(bed.folder, 'assessments.csv'));
      await importFolder();
      expect((await contents(bed.database.dataSource)).submissions).toEqual([]);
      await cp(join(fixture, 'assessments.csv'), join(bed.folder, 'assessments.csv'));
      await rm(join(bed.folder, 'studentAssessment.csv'));
      await importFolder();
      await cp(join(fixture, 'studentAssessment.csv'), join(bed.folder, 'studentAssessment.csv'));

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
      await writeFile(join(bed.folder, 'studentInfo.csv'), whole.split('\n').filter(named).join('\n'));
      await importFolder();
      await writeFile(join(bed.folder, 'studentInfo.csv'), whole);

      await importFolder();

      await expectAsIfAtOnce();
    });

    it('takes it also where the import had been killed in the middle of what they did', async () => {
      const whole = await readFile(join(fixture, 'studentInfo.csv'), 'utf8');
      const named = (line: string) => !line.startsWith('AAA,2013J,31604') && !line.startsWith('BBB');
      await writeFile(join(bed.folder, 'studentInfo.csv'), whole.split('\n').filter(named).join('\n'));
      await importFolder();
      await bed.database.dataSource.query(
        `UPDATE import_batches SET finished_at = NULL
         WHERE rows_bad > 0 AND file IN ('studentAssessment.csv', 'studentVle.csv', 'studentRegistration.csv')`,
      );
      await writeFile(join(bed.folder, 'studentInfo.csv'), whole);

      await importFolder();

      await expectAsIfAtOnce();
    });

    it('keeps what was told of an enrollment since, when only a course is new', async () => {
      const info = await readFile(join(bed.folder, 'studentInfo.csv'), 'utf8');
      const good = info
        .split('\n')
        .filter((line) => !/^DDD|Passed/.test(line))
        .join('\n');
      await writeFile(join(bed.folder, 'studentInfo.csv'), good);
      await importFolder();
      const dropped = `SELECT id, status, final_result, ended_at FROM enrollments WHERE status = 'dropped' ORDER BY id`;
      await bed.database.dataSource.query(
        `UPDATE enrollments SET status = 'dropped', final_result = 'withdrawn', ended_at = clock_timestamp()
         WHERE id = (SELECT min(id) FROM enrollments WHERE status = 'completed')`,
      );
      const before = await bed.database.dataSource.query<object[]>(dropped);
      const courses = await readFile(join(bed.folder, 'courses.csv'), 'utf8');
      await writeFile(join(bed.folder, 'courses.csv'), `${courses.trimEnd()}\n"60","NEW","2014J"\n`);

      await importFolder();

      expect(before.length).toBeGreaterThan(0);
      expect(await bed.database.dataSource.query(dropped)).toEqual(before);
    });

    it('moves the days of activity with submissions that were corrected', async () => {
      const submissions = join(bed.folder, 'studentAssessment.csv');
      const text = await readFile(submissions, 'utf8');
      await importFolder();
      const before = (await contents(bed.database.dataSource)).days;
      const corrected = text
        .replace('1752,11391,18,0,78', '1752,11391,40,0,78')
        .replace('1752,31604,17,0,100', '1752,31604,17,1,100')
        .replace('1753,28400,-1,1,60', '1753,28400,-1,0,60');
      await writeFile(submissions, corrected);

      await importFolder();

      expect((await contents(bed.database.dataSource)).days).not.toEqual(before);
      const { batches: _, ...all } = await contents(bed.database.dataSource);
      expect(all).toEqual((await madeAtOnce()).all);
    });

    it('takes over deadlines, weights and lengths of courses that were corrected', async () => {
      await importFolder();
      await rewrite('assessments.csv', ['1752,TMA,19,10', '1752,CMA,15,22.5']);
      await rewrite('courses.csv', ['"100","AAA"', '"269","AAA"']);
      await bed.database.dataSource.query('DELETE FROM cache_outbox');

      const { files } = await importFolder();

      expect(files.slice(0, 2)).toMatchObject([
        { name: 'courses.csv', imported: 1, unchanged: 1 },
        // The exam of that course is due at its end.
        { name: 'assessments.csv', imported: 2, unchanged: 3 },
      ]);
      await expectAsIfAtOnce();
      expect(await bed.database.dataSource.query('SELECT tags FROM cache_outbox')).toContainEqual({
        tags: ['epoch'],
      });
    });

    it('takes a correction back with the file of before, as often as that comes', async () => {
      await importFolder();
      const work = async () => {
        const { activities, submissions } = await contents(bed.database.dataSource);
        return { activities, submissions };
      };
      const before = await work();
      for (let n = 0; n < 2; n++) {
        await rewrite('assessments.csv', ['1752,TMA,19,10', '1752,TMA,15,10']);
        await importFolder();
        expect(await work()).not.toEqual(before);
        await rewrite('assessments.csv', ['1752,TMA,15,10', '1752,TMA,19,10']);
        await importFolder();
        expect(await work()).toEqual(before);
      }
    });

    it('judges imported work by the corrected deadline, other work by the one it was handed in under', async () => {
      const { dataSource } = bed.database;
      await importFolder();
      const late = { student_id: 'oulad-30268', activity_id: 'oulad-a-1752' } as CreateSubmissionDto;
      await dataSource.query(`UPDATE enrollments SET status = 'active', ended_at = NULL`);
      await dataSource.transaction((manager) =>
        new SubmissionsService(dataSource).create(manager, admin, late),
      );
      await rewrite('assessments.csv', ['1752,TMA,19,10', '1752,TMA,15,10']);

      await importFolder();

      const due = await dataSource.query<object[]>(
        `SELECT u.code, s.due_at_effective AS due FROM submissions s JOIN users u ON u.id = s.user_id
         JOIN activities a ON a.id = s.activity_id WHERE a.code = 'oulad-a-1752' ORDER BY u.code`,
      );
      const [then, now] = ['2013-10-20T23:59:59.000Z', '2013-10-16T23:59:59.000Z'].map((at) => new Date(at));
      expect(due).toEqual([
        { code: 'oulad-11391', due: now },
        { code: 'oulad-28400', due: now },
        { code: 'oulad-30268', due: then },
        { code: 'oulad-31604', due: now },
      ]);
    });

    it('leaves alone what somebody has told of a deadline, a weight or the end of a course', async () => {
      const { dataSource } = bed.database;
      await importFolder();
      const activities = new ActivitiesService(dataSource);
      await activities.change('oulad-a-1752', { due_at: '2013-10-25T12:00:00Z' });
      await activities.change('oulad-a-1753', { weight: 5 });
      await activities.change('oulad-a-1760', { title: 'Essay' });
      await new CoursesService(dataSource).change('BBB-2014B', { ends_at: '2014-07-01T00:00:00Z' });
      const told = await contents(dataSource);
      await rewrite(
        'assessments.csv',
        ['1752,TMA,19,10', '1752,TMA,15,20'],
        ['1753,CMA,54', '1753,CMA,60'],
        ['1760,TMA,18,0', '1760,CMA,18,1'],
      );
      await rewrite('courses.csv', ['"120","BBB"', '"150","BBB"']);

      await importFolder();

      const { courses, activities: after } = await contents(dataSource);
      expect(courses).toEqual(told.courses);
      const corrected = {
        'oulad-a-1760': { weight: 1, kind: after.find(({ code }) => code === 'oulad-a-1753')!.kind },
        'oulad-a-1765': { due_at: '2014-07-01T00:00:00.000Z' },
      };
      expect(after).toEqual(
        told.activities.map((one) => ({ ...one, ...corrected[one.code as keyof typeof corrected] })),
      );
      const titles = `SELECT title FROM activities WHERE code = 'oulad-a-1760'`;
      expect(await dataSource.query(titles)).toEqual([{ title: 'Essay' }]);
    });

    it('leaves out who registers after the day, though studentInfo.csv names them once more', async () => {
      const whole = await readFile(join(fixture, 'studentInfo.csv'), 'utf8');
      await importFolder({ asOfDay: 10 });
      await writeFile(join(bed.folder, 'studentInfo.csv'), `${whole}AAA,2013J,28400,F,,,,,0,60,N,Pass,\n`);

      await importFolder({ asOfDay: 10 });

      const { enrollments } = await contents(bed.database.dataSource);
      expect(enrollments.map(({ student, course }) => [student, course])).toEqual([
        ['oulad-11391', 'AAA-2013J'],
        ['oulad-28400', 'AAA-2013J'],
        ['oulad-30268', 'AAA-2013J'],
        ['oulad-31604', 'AAA-2013J'],
      ]);
      await expectAsIfAtOnce({ asOfDay: 10 });
    });
  });

  it('leaves a grade alone that was given since, by whomever', async () => {
    await importOulad(bed.database.dataSource, bed.options());
    const [graded] = await bed.database.dataSource
      .query(
        `UPDATE submissions SET score = 1 WHERE id = (SELECT min(id) FROM submissions WHERE status = 'graded')
       RETURNING id`,
      )
      .then(([rows]: [{ id: string }[]]) => rows);
    await bed.database.dataSource.query(
      'INSERT INTO grade_changes (submission_id, old_score, new_score) VALUES ($1, 2, 1)',
      [graded!.id],
    );
    await bed.database.dataSource.query('DELETE FROM import_batches');

    await importOulad(bed.database.dataSource, bed.options());

    const [after] = await bed.database.dataSource.query(
      'SELECT score::float FROM submissions WHERE id = $1',
      [graded!.id],
    );
    expect(after).toEqual({ score: 1 });
  });

  it('leaves alone what was handed in here, whatever a later day says of it', async () => {
    const { dataSource } = bed.database;
    await importOulad(dataSource, bed.options({ asOfDay: 10 }));
    const attempt = {
      student_id: 'oulad-11391',
      activity_id: 'oulad-a-1752',
      submitted_at: '2013-10-15T08:00:00Z',
    };
    await dataSource.transaction((manager) =>
      new SubmissionsService(dataSource).create(manager, admin, attempt as CreateSubmissionDto),
    );
    const attempts = () =>
      dataSource.query<object[]>(
        `SELECT s.* FROM submissions s JOIN users u ON u.id = s.user_id JOIN activities a ON a.id = s.activity_id
         WHERE (u.code, a.code) = ($1, $2)`,
        [attempt.student_id, attempt.activity_id],
      );
    const before = await attempts();

    await importOulad(dataSource, bed.options({ asOfDay: 25 }));

    expect(before).toHaveLength(1);
    expect(await attempts()).toEqual(before);
  });

  it('leaves a grade alone that is being given while it imports', async () => {
    await importOulad(bed.database.dataSource, bed.options());
    await bed.database.dataSource.query('DELETE FROM import_batches');
    const teacher = new Client({ connectionString: bed.database.url });
    await teacher.connect();
    bed.onTestEnd.push(() => teacher.end());
    await teacher.query('BEGIN');
    const { rows } = await teacher.query<{ id: string }>(
      `UPDATE submissions SET score = 95 WHERE id = (SELECT min(id) FROM submissions WHERE status = 'graded')
       RETURNING id`,
    );
    const id = rows[0]!.id;

    const importing = importOulad(bed.database.dataSource, bed.options());
    await pollUntil(() => waitsForLock(bed.database.dataSource), 10_000);
    await teacher.query(
      'INSERT INTO grade_changes (submission_id, old_score, new_score) VALUES ($1, 2, 95)',
      [id],
    );
    await teacher.query('COMMIT');
    await importing;

    const after = await teacher.query('SELECT score::float FROM submissions WHERE id = $1', [id]);
    expect(after.rows).toEqual([{ score: 95 }]);
  });

  it('goes on to a later day without taking back an end that somebody has told meanwhile', async () => {
    await importOulad(bed.database.dataSource, bed.options({ asOfDay: 20 }));
    const ended = `SELECT id, status, final_result, ended_at FROM enrollments WHERE status <> 'active' ORDER BY id`;
    await bed.database.dataSource.query(
      `UPDATE enrollments SET status = 'failed', final_result = 'fail', ended_at = clock_timestamp()
       WHERE id = (SELECT min(id) FROM enrollments WHERE status = 'active')`,
    );
    const before = await bed.database.dataSource.query<object[]>(ended);

    await importOulad(bed.database.dataSource, bed.options({ asOfDay: 25 }));

    expect(before).toHaveLength(2);
    expect(await bed.database.dataSource.query(ended)).toEqual(before);

    // The whole of it is another matter: it knows how each has ended, and when.
    const ends = 'SELECT ended_at FROM enrollments WHERE id = $1';
    await importOulad(bed.database.dataSource, bed.options());
    const [own] = await bed.database.dataSource.query<{ ended_at: Date | null }[]>(ends, [
      (before as { id: string; status: string }[]).find(({ status }) => status === 'failed')?.id,
    ]);
    expect(own?.ended_at).toBeNull();
  });

  it('stops at a day and goes on to a later one, as if it had been imported at once', async () => {
    await importOulad(bed.database.dataSource, bed.options({ asOfDay: 20 }));
    const atDay20 = await contents(bed.database.dataSource);
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

    await importOulad(bed.database.dataSource, bed.options({ asOfDay: 40 }));
    expect((await contents(bed.database.dataSource)).submissions).toContainEqual(
      expect.objectContaining({
        student: 'oulad-11391',
        activity: 'oulad-a-1752',
        status: 'graded',
        score: 78,
      }),
    );
    await importOulad(bed.database.dataSource, bed.options());
    const { batches: _, ...inSteps } = await contents(bed.database.dataSource);
    const other = await createTestDatabase();
    await importOulad(other.dataSource, bed.options());
    const { batches: __, ...atOnce } = await contents(other.dataSource);
    await other.drop();
    expect(inSteps).toEqual(atOnce);

    await expect(importOulad(bed.database.dataSource, bed.options({ asOfDay: 90 }))).rejects.toThrow(
      'can only move on',
    );
  });

  it('goes back to no earlier day, also with a file that was corrected since', async () => {
    await cp(fixture, bed.folder, { recursive: true });
    await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));
    const before = await contents(bed.database.dataSource);
    await appendFile(join(bed.folder, 'studentInfo.csv'), '\n');

    const again = importOulad(bed.database.dataSource, bed.options({ dir: bed.folder, asOfDay: 10 }));

    await expect(again).rejects.toThrow('can only move on');
    expect(await contents(bed.database.dataSource)).toEqual(before);
  });

  it('goes back to any day after an import that brought nothing', async () => {
    await cp(fixture, bed.folder, { recursive: true });
    const file = join(bed.folder, 'studentInfo.csv');
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.replace('final_result', 'something_else'));
    const broken = importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));
    await expect(broken).rejects.toThrow('lacks the column final_result');
    await writeFile(file, whole);

    await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder, asOfDay: 10 }));

    const [{ count }] = await bed.database.dataSource.query('SELECT count(*)::int FROM enrollments');
    expect(count).toBeGreaterThan(0);
  });

  describe('of how an enrollment ended', () => {
    const ends = async () => {
      const rows = await bed.database.dataSource.query<Record<string, unknown>[]>(
        `SELECT e.id, u.code || ' ' || c.code AS of, e.status, e.final_result, e.ended_at
         FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id ORDER BY 2`,
      );
      return Object.fromEntries(rows.map(({ of, ...row }) => [of as string, row]));
    };
    const tell = async (of: string, told: ChangeEnrollmentDto): Promise<void> => {
      const id = (await ends())[of]!.id as string;
      await new EnrollmentsService(bed.database.dataSource).change(id, admin, told);
    };

    it('leaves alone what somebody has told, and takes the rest from the file', async () => {
      await cp(fixture, bed.folder, { recursive: true });
      await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));
      await tell('oulad-11391 AAA-2013J', { status: 'dropped', ended_at: '2013-12-01T00:00:00Z' });
      await tell('oulad-30268 AAA-2013J', { status: 'active' });
      await tell('oulad-28400 AAA-2013J', { status: 'failed' });
      await tell('oulad-31604 AAA-2013J', {});
      const told = await ends();
      const students = join(bed.folder, 'studentInfo.csv');
      const other = (await readFile(students, 'utf8'))
        .replace('N,Fail,"a, b"', 'N,Pass,')
        .replace('N,Distinction,', 'N,Pass,');
      await writeFile(students, other);
      await bed.database.dataSource.query('DELETE FROM import_batches');

      await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));

      const untold = 'oulad-31604 AAA-2013J';
      expect(await ends()).toEqual({ ...told, [untold]: { ...told[untold], final_result: 'pass' } });
      expect(told['oulad-28400 AAA-2013J']).toMatchObject({ status: 'failed', final_result: 'fail' });
    });

    it('leaves alone what somebody has told of who registers only later, by the file', async () => {
      const late = bed.options({ asOfDay: 19 });
      await importOulad(bed.database.dataSource, late);
      await bed.database.dataSource.query(
        `INSERT INTO users (code, role) VALUES ('oulad-11391', 'student') ON CONFLICT DO NOTHING;
         INSERT INTO enrollments (user_id, course_id, role, enrolled_at)
         SELECT u.id, c.id, 'student', c.starts_at FROM users u, courses c
         WHERE u.code = 'oulad-11391' AND c.code = 'BBB-2014B'`,
      );
      await tell('oulad-11391 BBB-2014B', { status: 'dropped', ended_at: '2014-02-10T00:00:00Z' });
      const told = await ends();
      await bed.database.dataSource.query('DELETE FROM import_batches');

      await importOulad(bed.database.dataSource, late);

      expect(await ends()).toEqual(told);
    });

    describe('of whom somebody has enrolled here', () => {
      const person = {
        user_id: 'oulad-11391',
        course_id: 'BBB-2014B',
        enrolled_at: '2014-02-03T00:00:00.000Z',
      };
      const enrolled = async () =>
        (await contents(bed.database.dataSource)).enrollments.filter(
          ({ course }) => course === person.course_id,
        );

      beforeEach(async () => {
        const { dataSource } = bed.database;
        await importOulad(dataSource, bed.options({ asOfDay: 10 }));
        await dataSource.transaction((manager) =>
          new EnrollmentsService(dataSource).create(manager, admin, person),
        );
      });

      it.each([19, 30])(
        'leaves alone that and when, on day %i, whenever they register by the file',
        async (asOfDay) => {
          await importOulad(bed.database.dataSource, bed.options({ asOfDay }));

          expect(await enrolled()).toMatchObject([
            { student: person.user_id, status: 'active', enrolled_at: person.enrolled_at },
          ]);
        },
      );

      it('takes over that they left, though not before they came', async () => {
        await cp(fixture, bed.folder, { recursive: true });
        const file = join(bed.folder, 'studentRegistration.csv');
        const left = (await readFile(file, 'utf8')).replace('"11391","","20"', '"11391","1","0"');
        await writeFile(file, left);

        await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder, asOfDay: 30 }));

        expect(await enrolled()).toMatchObject([
          { status: 'dropped', enrolled_at: person.enrolled_at, ended_at: person.enrolled_at },
        ]);
      });
    });

    it('takes none away that has ended, whatever day it is imported for', async () => {
      await importOulad(bed.database.dataSource, bed.options());
      const known = await ends();
      await bed.database.dataSource.query('DELETE FROM import_batches');

      await importOulad(bed.database.dataSource, bed.options({ asOfDay: 19 }));

      expect(known['oulad-11391 BBB-2014B']).toMatchObject({ status: expect.not.stringMatching('active') });
      expect(await ends()).toEqual(known);
    });

    it.each(['studentInfo.csv', 'studentRegistration.csv'])(
      'leaves alone what somebody tells while it reads %s',
      async (file) => {
        await importOulad(bed.database.dataSource, bed.options());
        await bed.database.dataSource.query('DELETE FROM import_batches WHERE file = $1', [file]);
        // Else the file would have nothing to say of it.
        await bed.database.dataSource.query('UPDATE enrollments SET ended_at = NULL');
        const teacher = bed.database.dataSource.createQueryRunner();
        bed.onTestEnd.push(() => teacher.release());
        await teacher.startTransaction();
        await teacher.query(
          `UPDATE enrollments SET status = 'failed', final_result = 'fail', ended_at = '2013-12-01Z', end_told_at = now()
           WHERE status = 'dropped'`,
        );

        const importing = importOulad(bed.database.dataSource, bed.options());
        await pollUntil(() => waitsForLock(bed.database.dataSource), 10_000);
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

  it('gives personal traits also to who registers between two days', async () => {
    await cp(fixture, bed.folder, { recursive: true });
    const students = join(bed.folder, 'studentInfo.csv');
    const lines = (await readFile(students, 'utf8')).split('\n');
    // A file with rejects is read again at any rate.
    await writeFile(students, lines.filter((line) => !/,(99999|77777),/.test(line)).join('\n'));
    const late = { dir: bed.folder, withDemographics: true };
    const traits = () =>
      bed.database.dataSource.query<object[]>(
        `SELECT u.code, d.gender FROM student_demographics d JOIN enrollments e ON e.id = d.enrollment_id
         JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id WHERE c.code = 'BBB-2014B'`,
      );
    await importOulad(bed.database.dataSource, bed.options({ ...late, asOfDay: 19 }));
    expect(await traits()).toEqual([]);

    await importOulad(bed.database.dataSource, bed.options({ ...late, asOfDay: 20 }));
    expect(await traits()).toEqual([{ code: 'oulad-11391', gender: 'M' }]);

    await importOulad(bed.database.dataSource, bed.options({ ...late, asOfDay: 30 }));
    await importOulad(bed.database.dataSource, bed.options(late));
    expect(await traits()).toHaveLength(1);
  });

  it('counts a score that a later file corrects from when the first one counted', async () => {
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    const start = new Date(today - 20 * 86_400_000).toISOString().slice(0, 10);
    const starts = readStarts([`2013J=${start}`, `2014B=${start}`]);
    await cp(fixture, bed.folder, { recursive: true });
    await importOulad(bed.database.dataSource, bed.options({ starts, dir: bed.folder }));
    const grade = () =>
      bed.database.dataSource.query<{ graded_at: Date; score: number }[]>(
        `SELECT s.graded_at, s.score::int FROM submissions s JOIN users u ON u.id = s.user_id
         JOIN activities a ON a.id = s.activity_id WHERE u.code = 'oulad-11391' AND a.code LIKE '%1752'`,
      );
    const [first] = await grade();
    const file = join(bed.folder, 'studentAssessment.csv');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('1752,11391,18,0,78', '1752,11391,18,0,70'));

    await importOulad(bed.database.dataSource, bed.options({ starts, dir: bed.folder }));

    const [corrected] = await grade();
    expect([first?.score, corrected?.score]).toEqual([78, 70]);
    expect(corrected?.graded_at).toEqual(first?.graded_at);
  });

  it('knows no moment of a grade that a later file withdraws, also of work carried over', async () => {
    await cp(fixture, bed.folder, { recursive: true });
    await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));
    const file = join(bed.folder, 'studentAssessment.csv');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text
        .replace('1752,11391,18,0,78', '1752,11391,18,0,')
        .replace('1753,28400,-1,1,60', '1753,28400,-1,1,'),
    );

    await importOulad(bed.database.dataSource, bed.options({ dir: bed.folder }));

    const withdrawn = await bed.database.dataSource.query<object[]>(
      `SELECT s.status, s.score, s.graded_at FROM submissions s JOIN users u ON u.id = s.user_id
       JOIN activities a ON a.id = s.activity_id
       WHERE u.code || a.code IN ('oulad-11391oulad-a-1752', 'oulad-28400oulad-a-1753') ORDER BY s.status`,
    );
    expect(withdrawn).toEqual([
      { status: 'banked', score: null, graded_at: null },
      { status: 'submitted', score: null, graded_at: null },
    ]);
  });
});
