import type { DeclaredSources } from '../../src/access/declared-ids.js';
import { idNames } from '../../src/access/id-names.js';
import { OwnershipCheck } from '../../src/access/ownership-check.js';
import type { PrincipalRole } from '../../src/access/principal.js';
import type { IdSources } from '../../src/access/requested-ids.js';
import { RightsService } from '../../src/access/rights.service.js';
import { Problem } from '../../src/http/problem.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { peopleOfTwoCourses, type TwoCourses } from '../support/two-courses.js';

let database: TestDatabase;
let facts: TwoCourses;
let rights: RightsService;

beforeAll(async () => {
  database = await createTestDatabase();
  facts = await peopleOfTwoCourses(database.dataSource);
  rights = new RightsService(database.dataSource);
});

afterAll(() => database.drop());

const every = { own: idNames, nested: [] };
const none = { own: [], nested: [] };
/** A route that reads every id there is. */
const readsAll: DeclaredSources = { query: every, body: every };
/** A route that reads its path alone. */
const readsPath: DeclaredSources = { query: none, body: none };

/** What the reach `own` says: `passes`, or the code of the problem. */
async function verdict(
  role: PrincipalRole,
  sub: string,
  request: IdSources,
  declared = readsAll,
): Promise<string> {
  try {
    const person = await rights.caller(sub);
    await new OwnershipCheck(rights).check({ role, sub }, person, request, { declared, created: undefined });
    return 'passes';
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

type Case = [verdict: string, request: IdSources];

/** Row numbers are known only at run time: `<submission of STU001>` stands for one. */
function withRowNumbers(request: IdSources): IdSources {
  const text = JSON.stringify(request).replace(
    /<(submission|enrollment) of (STU00[12])>/g,
    (_, thing: 'submission' | 'enrollment', student: 'STU001' | 'STU002') => facts[`${thing}s`][student],
  );
  return JSON.parse(text) as IdSources;
}

/** The enrollment of a student in their one course, a new submission and a new session there: a request that names each. */
async function thingsOf(student: string): Promise<IdSources[]> {
  const [ids] = await database.dataSource.query<Record<string, string>[]>(
    `WITH who AS (
       SELECT u.id AS user_id, a.id AS activity_id, e.id AS enrollment_id, a.course_id
       FROM users u JOIN enrollments e ON e.user_id = u.id JOIN activities a ON a.course_id = e.course_id
       WHERE u.code = $1
     ), submission AS (
       INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
       SELECT user_id, activity_id, 1, now() FROM who RETURNING id
     ), session AS (
       INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at)
       SELECT 'SES-' || $1, user_id, course_id, now(), now() FROM who RETURNING code
     )
     SELECT enrollment_id::text, submission.id::text AS submission_id, session.code AS session_id
     FROM who, submission, session`,
    [student],
  );
  return Object.entries(ids!).map(([name, id]) => ({ params: { [name]: id } }));
}

describe('a student', () => {
  const cases: Case[] = [
    ['passes', { params: { student_id: 'STU001' } }],
    ['passes', { params: { user_id: 'STU001' } }],
    ['passes', { params: { course_id: 'PROG-101' } }],
    ['passes', { params: { activity_id: 'PROG-101-A1' } }],
    ['passes', { params: { submission_id: '<submission of STU001>' } }],
    ['passes', { params: { enrollment_id: '<enrollment of STU001>' } }],
    ['passes', { params: { session_id: 'SES-STU001' } }],
    ['passes', { params: { student_id: 'STU001' }, query: { course_id: 'PROG-101' } }],
    ['not_found', { params: { student_id: 'STU002' } }],
    ['not_found', { params: { student_id: 'NOBODY' } }],
    ['not_found', { params: { user_id: 'TEACH001' } }],
    ['not_found', { params: { course_id: 'PROG-102' } }],
    ['not_found', { params: { course_id: 'NO-SUCH' } }],
    ['not_found', { params: { activity_id: 'PROG-102-A1' } }],
    ['not_found', { params: { activity_id: 'NO-SUCH' } }],
    ['not_found', { params: { submission_id: '<submission of STU002>' } }],
    ['not_found', { params: { enrollment_id: '<enrollment of STU002>' } }],
    ['not_found', { params: { session_id: 'SES-STU002' } }],
    ['not_found', { params: { submission_id: '9223372036854775808' } }],
    ['not_found', { params: { submission_id: "1' OR '1'='1" } }],
    ['not_found', { params: { session_id: 'a\0b' } }],
    ['not_found', { params: { student_id: 'S'.repeat(201) } }],
    ['not_found', { params: { student_id: 'stu001' } }],
    ['not_found', { params: { student_id: 'STU001' }, query: { course_id: 'PROG-102' } }],
    ['not_found', { params: { student_id: 'STU001' }, body: { student_id: 'STU002' } }],
    ['not_found', { query: { student_id: ['STU001', 'STU002'] } }],
    ['validation_failed', { params: {} }],
    ['validation_failed', { body: { student_id: { $ne: '' } } }],
    ['validation_failed', { body: { submission_id: 1 } }],
  ];

  it.each(cases)('%s with %j', async (expected, request) => {
    expect(await verdict('student', 'STU001', withRowNumbers(request))).toBe(expected);
  });

  it('keeps the material of a course they finished, and loses that of one they dropped', async () => {
    expect(await verdict('student', 'STU004', { params: { course_id: 'PROG-101' } })).toBe('passes');
    expect(await verdict('student', 'STU005', { params: { course_id: 'PROG-101' } })).toBe('not_found');
  });
});

describe('a student who dropped a course', () => {
  let mine: IdSources[];

  beforeAll(async () => {
    mine = await thingsOf('STU005');
  });

  it.each(['GET', 'HEAD'])(
    'reads one by one what they did there, as the lists show it (%s)',
    async (method) => {
      for (const request of mine)
        expect([request, await verdict('student', 'STU005', { ...request, method })]).toEqual([
          request,
          'passes',
        ]);
    },
  );

  it.each(['POST', 'PATCH', 'PUT', 'DELETE'])('does not go on with it (%s)', async (method) => {
    for (const request of mine)
      expect(await verdict('student', 'STU005', { ...request, method })).toBe('not_found');
  });

  it('may name it beside themselves, to read what has become of the enrollment', async () => {
    const ofThemselves = { params: { student_id: 'STU005' }, query: { course_id: 'PROG-101' } };

    expect(await verdict('student', 'STU005', { ...ofThemselves, method: 'GET' })).toBe('passes');
    for (const refused of [
      { ...ofThemselves, method: 'POST' },
      { ...ofThemselves, method: 'GET', query: { course_id: 'PROG-102' } },
      { ...ofThemselves, method: 'GET', query: { course_id: 'PROG-101', activity_id: 'PROG-101-A1' } },
      { ...ofThemselves, method: 'GET', params: { student_id: 'STU001' } },
    ])
      expect([refused, await verdict('student', 'STU005', refused)]).toEqual([refused, 'not_found']);
  });

  it('is shown nothing of others there, nor the material, also beside their own', async () => {
    const read = { method: 'GET' };
    const ofAnother = withRowNumbers({ params: { submission_id: '<submission of STU001>' } });
    expect(await verdict('student', 'STU005', { ...read, ...ofAnother })).toBe('not_found');
    for (const query of [{ course_id: 'PROG-101' }, { activity_id: 'PROG-101-A1' }])
      expect(await verdict('student', 'STU005', { ...read, ...mine[0], query })).toBe('not_found');
  });
});

describe('a teacher', () => {
  const cases: Case[] = [
    ['passes', { params: { user_id: 'TEACH001' } }],
    ['passes', { params: { course_id: 'PROG-101' } }],
    ['passes', { params: { activity_id: 'PROG-101-A1' } }],
    ['passes', { params: { student_id: 'STU001' } }],
    ['passes', { params: { user_id: 'STU003' } }],
    ['passes', { params: { student_id: 'STU001' }, query: { course_id: 'PROG-101' } }],
    ['passes', { params: { student_id: 'STU003' }, query: { course_id: 'PROG-101' } }],
    ['passes', { params: { submission_id: '<submission of STU001>' } }],
    ['passes', { params: { session_id: 'SES-STU001' } }],
    ['passes', { body: { activity_id: 'PROG-101-A1', student_id: 'STU001', course_id: null } }],
    ['not_found', { params: { course_id: 'PROG-102' } }],
    ['not_found', { params: { student_id: 'STU002' } }],
    ['not_found', { params: { student_id: 'NOBODY' } }],
    ['not_found', { params: { user_id: 'TEACH002' } }],
    ['not_found', { params: { submission_id: '<submission of STU002>' } }],
    ['not_found', { params: { enrollment_id: '<enrollment of STU002>' } }],
    ['not_found', { params: { session_id: 'SES-STU002' } }],
    ['not_found', { params: { student_id: 'STU001' }, query: { course_id: 'PROG-102' } }],
    ['not_found', { params: { student_id: 'STU003' }, query: { course_id: 'PROG-102' } }],
    ['not_found', { params: { student_id: 'STU002' }, query: { course_id: 'PROG-101' } }],
    ['not_found', { query: { course_id: ['PROG-101', 'PROG-102'] } }],
    ['not_found', { params: { activity_id: 'PROG-101-A1' }, body: { course_id: 'PROG-102' } }],
    ['not_found', { body: { activity_id: 'PROG-101-A1', student_id: 'STU002' } }],
    ['not_found', { params: { student_id: 'STU006' } }],
  ];

  it.each(cases)('%s with %j', async (expected, request) => {
    expect(await verdict('teacher', 'TEACH001', withRowNumbers(request))).toBe(expected);
  });

  it('must name a course to ask about a student who learns with others too', async () => {
    expect(await verdict('teacher', 'TEACH001', { params: { student_id: 'STU003' } })).toBe('forbidden');
    const beside = { params: { student_id: 'STU003' }, query: { activity_id: 'PROG-101-A1' } };
    expect(await verdict('teacher', 'TEACH001', beside)).toBe('forbidden');
  });

  it('must name one too where the student once learnt with others, if that time is asked for', async () => {
    const now = { params: { student_id: 'STU008' } };
    const past = { params: { student_id: 'STU008', as_of: '2026-01-15T00:00:00Z' } };
    expect(await verdict('teacher', 'TEACH001', now)).toBe('passes');
    expect(await verdict('teacher', 'TEACH001', past)).toBe('forbidden');
    const named = { ...past, query: { course_id: 'PROG-101' } };
    expect(await verdict('teacher', 'TEACH001', named)).toBe('passes');
  });

  it('must name one where a course of others still runs for a student who has completed it', async () => {
    expect(await verdict('teacher', 'TEACH001', { params: { student_id: 'STU009' } })).toBe('forbidden');
  });

  it('still sees who finished or dropped their course', async () => {
    expect(await verdict('teacher', 'TEACH001', { params: { student_id: 'STU004' } })).toBe('passes');
    expect(await verdict('teacher', 'TEACH001', { params: { student_id: 'STU005' } })).toBe('passes');
  });

  it('is told nothing of what somebody did who is deleted', async () => {
    for (const thing of await thingsOf('STU006'))
      expect([thing, await verdict('teacher', 'TEACH001', thing)]).toEqual([thing, 'not_found']);
  });

  it('may be an assistant, but not an observer or one who left', async () => {
    expect(await verdict('teacher', 'TEACH003', { params: { course_id: 'PROG-101' } })).toBe('passes');
    expect(await verdict('teacher', 'TEACH004', { params: { course_id: 'PROG-101' } })).toBe('not_found');
    expect(await verdict('teacher', 'TEACH005', { params: { course_id: 'PROG-101' } })).toBe('not_found');
  });
});

describe('an id that the route does not read', () => {
  it('narrows no answer about a student who learns with others too', async () => {
    const request = { params: { student_id: 'STU003' }, query: { course_id: 'PROG-101' } };
    expect(await verdict('teacher', 'TEACH001', request)).toBe('passes');
    expect(await verdict('teacher', 'TEACH001', request, readsPath)).toBe('forbidden');
  });

  it('neither names what is asked for nor hides it', async () => {
    const mine = { student_id: 'STU001' };
    const theirs = { student_id: 'STU002' };
    expect(await verdict('student', 'STU001', { query: mine, body: mine }, readsPath)).toBe(
      'validation_failed',
    );
    const hiding = { params: theirs, query: mine, body: mine };
    expect(await verdict('student', 'STU001', hiding, readsPath)).toBe('not_found');
    const strange = { params: mine, query: { ...theirs, course_id: { $ne: '' } }, body: theirs };
    expect(await verdict('student', 'STU001', strange, readsPath)).toBe('passes');
  });

  it('is not looked up', async () => {
    const lookUps = jest.spyOn(rights, 'session');
    const request = { params: { student_id: 'STU001' }, query: { session_id: ['S-1', 'S-2'] } };

    expect(await verdict('student', 'STU001', request, readsPath)).toBe('passes');
    expect(lookUps).not.toHaveBeenCalled();
    lookUps.mockRestore();
  });
});

describe('anybody else', () => {
  it('owns nothing', async () => {
    for (const [role, sub] of [
      ['service', 'moodle'],
      ['admin', 'ADMIN001'],
      ['student', 'NOBODY'],
      ['teacher', 'NOBODY'],
    ] as const) {
      expect(await verdict(role, sub, { params: { course_id: 'PROG-101' } })).toBe('not_found');
    }
  });
});
