import { randomUUID } from 'node:crypto';
import { CourseAnalyticsService } from '../../src/analytics/courses/course-analytics.service.js';
import { CacheService } from '../../src/cache/index.js';
import { pollUntil, required } from '../support/processes.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const yesterday = new Date(Date.now() - 86_400_000).toISOString();

/** The cached views, each with the entry it must have: PROG-101 with STU001 and STU002, PROG-102 with STU003. */
const views = {
  stats: '/api/v3/system/stats',
  course: '/api/v3/analytics/courses/PROG-101',
  courseBefore: `/api/v3/analytics/courses/PROG-101/at/${yesterday}`,
  students: '/api/v3/analytics/courses/PROG-101/students',
  studentsBefore: `/api/v3/analytics/courses/PROG-101/at/${yesterday}/students`,
  otherCourse: '/api/v3/analytics/courses/PROG-102',
  student: '/api/v3/analytics/students/STU001?course_id=PROG-101',
  studentAll: '/api/v3/analytics/students/STU001',
  peer: '/api/v3/analytics/students/STU002?course_id=PROG-101',
  peerAll: '/api/v3/analytics/students/STU002',
  stranger: '/api/v3/analytics/students/STU003',
  strangerBefore: `/api/v3/analytics/students/STU003/at/${yesterday}`,
} as const;
type View = keyof typeof views;

const course: View[] = ['course', 'courseBefore', 'students', 'studentsBefore'];
const own: View[] = ['student', 'studentAll'];
const everyoneInTheCourse: View[] = [...own, 'peer', 'peerAll'];

let database: TestDatabase;
let running: TestApp;
let listing: jest.SpyInstance;
const soon = new Date(Date.now() + 40 * 86_400_000).toISOString();
const past = new Date(Date.now() - 40 * 86_400_000).toISOString();
const ids: Record<string, string> = {};

interface Answer {
  status: number;
  body: Record<string, string>;
  headers: Record<string, string>;
}

async function send(
  method: 'post' | 'put' | 'patch' | 'delete',
  path: string,
  body?: object,
): Promise<Answer> {
  const answer = (await running.request[method](`/api/v3${path}`)
    .set({ 'if-match': '*' })
    .send(body)) as unknown as Answer;
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}

beforeAll(async () => {
  listing = jest.spyOn(CourseAnalyticsService.prototype, 'ratedStudents');
  database = await createTestDatabase();
  running = await startTestApp({
    env: {
      DATABASE_URL: database.url,
      REDIS_URL: required('TEST_REDIS_URL'),
      CACHE_NAMESPACE: `${randomUUID()}:`,
      REDIS_COMMAND_TIMEOUT_MS: '2000',
    },
  });
  await pollUntil(() => running.app.get(CacheService).stats().isAvailable, 5000);
  for (const [user_id, role] of [
    ['STU001', 'student'],
    ['STU002', 'student'],
    ['STU003', 'student'],
    ['STU004', 'student'],
    ['STU005', 'student'],
    ['TEACH001', 'teacher'],
  ]) {
    await send('post', '/users', { user_id, role, full_name: `Name of ${user_id}` });
  }
  for (const [course_id, activity_id] of [
    ['PROG-101', 'A1'],
    ['PROG-102', 'B1'],
  ]) {
    await send('post', '/courses', {
      course_id,
      name: `Course ${course_id}`,
      starts_at: past,
      ends_at: soon,
    });
    await send('post', `/courses/${course_id}/activities`, {
      activity_id,
      title: 'First',
      kind: 'exercise',
      status: 'published',
      due_at: soon,
    });
  }
  for (const [user_id, course_id] of [
    ['STU001', 'PROG-101'],
    ['STU002', 'PROG-101'],
    ['STU003', 'PROG-102'],
    ['STU004', 'PROG-101'],
  ]) {
    const { body } = await send('post', '/enrollments', { user_id, course_id });
    ids[`enrollment ${user_id}`] = body.enrollment_id ?? '';
  }
});

afterAll(async () => {
  listing.mockRestore();
  await running.close();
  await database.drop();
});

/** Of the lists of students the whole is kept, not each answer: what tells is whether it was computed. */
async function look(view: View): Promise<string> {
  listing.mockClear();
  const { headers } = (await running.request.get(views[view]).expect(200)) as unknown as Answer;
  return headers['x-cache'] ?? (listing.mock.calls.length === 0 ? 'HIT' : 'MISS');
}

async function warm(): Promise<void> {
  for (const view of Object.keys(views) as View[]) {
    await look(view);
    await running.app.get(CacheService).settle();
    expect([view, await look(view)]).toEqual([view, 'HIT']);
  }
}

async function recomputedViews(): Promise<View[]> {
  const recomputed: View[] = [];
  for (const view of Object.keys(views) as View[]) if ((await look(view)) !== 'HIT') recomputed.push(view);
  return recomputed;
}

const justNow = new Date(Date.now() - 60_000).toISOString();
const event = (id: string) => ({
  id,
  student_id: 'STU001',
  course_id: 'PROG-101',
  verb: 'viewed',
  occurred_at: justNow,
});
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
const eventId = randomUUID();
const firstTrace = { ...event(randomUUID()), occurred_at: hoursAgo(2.5) };
const repeatably = () =>
  running.request.post('/api/v3/events').set('Idempotency-Key', 'first-trace').send(firstTrace).expect(201);

const rows: [write: string, run: () => Promise<unknown>, recomputed: View[]][] = [
  ['user created', () => send('post', '/users', { user_id: 'NEW', role: 'student' }), ['stats']],
  ['user renamed', () => send('patch', '/users/STU001', { full_name: 'Ada' }), [...course, ...own]],
  [
    'user given another address',
    () => send('patch', '/users/STU001', { email: 'ada@example.org' }),
    [...own],
  ],
  ['user renamed to the same name', () => send('patch', '/users/STU001', { full_name: 'Ada' }), []],
  [
    'user without course given another role',
    () => send('patch', '/users/STU005', { role: 'teacher' }),
    ['stats'],
  ],
  ['user deleted', () => send('delete', '/users/STU004'), ['stats', ...course]],
  [
    'course created',
    () => send('post', '/courses', { course_id: 'C3', name: 'C', starts_at: past, ends_at: soon }),
    ['stats'],
  ],
  [
    'course pass mark changed',
    () => send('patch', '/courses/PROG-101', { pass_mark: 50 }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'course dates changed',
    () =>
      send('patch', '/courses/PROG-101', {
        starts_at: new Date(Date.parse(past) - 86_400_000).toISOString(),
      }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'course end moved',
    () =>
      send('patch', '/courses/PROG-101', {
        ends_at: new Date(Date.parse(soon) + 86_400_000).toISOString(),
      }),
    [...course, ...everyoneInTheCourse, 'stranger', 'strangerBefore'],
  ],
  ['course unchanged', () => send('patch', '/courses/PROG-101', { pass_mark: 50 }), []],
  [
    'activity drafted',
    () =>
      send('post', '/courses/PROG-101/activities', {
        activity_id: 'A3',
        title: 'Third',
        kind: 'quiz',
        due_at: soon,
      }),
    [],
  ],
  ['draft changed', () => send('patch', '/activities/A3', { title: 'Later', weight: 3 }), []],
  [
    'draft published',
    () => send('patch', '/activities/A3', { status: 'published' }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'activity published',
    () =>
      send('post', '/courses/PROG-101/activities', {
        activity_id: 'A2',
        title: 'Second',
        kind: 'quiz',
        status: 'published',
        due_at: soon,
      }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'activity due date moved',
    () => send('patch', '/activities/A2', { due_at: new Date(Date.parse(soon) - 1000).toISOString() }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'activity weight changed',
    () => send('patch', '/activities/A2', { weight: 2 }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'activity no longer required',
    () => send('patch', '/activities/A2', { is_required: false }),
    [...course, ...everyoneInTheCourse],
  ],
  [
    'activity archived',
    () => send('patch', '/activities/A2', { status: 'archived' }),
    [...course, ...everyoneInTheCourse],
  ],
  ['activity renamed', () => send('patch', '/activities/A1', { title: 'Renamed' }), [...course]],
  [
    'student enrolled',
    () => send('post', '/enrollments', { user_id: 'STU001', course_id: 'PROG-102' }),
    ['stats', 'otherCourse', ...own],
  ],
  [
    'observer enrolled',
    async () => {
      const observer = { user_id: 'STU005', course_id: 'PROG-101', role: 'observer' };
      ids.observer = (await send('post', '/enrollments', observer)).body.enrollment_id ?? '';
    },
    ['stats'],
  ],
  ['observer gone', () => send('patch', `/enrollments/${ids.observer}`, { status: 'dropped' }), ['stats']],
  [
    'student dropped',
    () => send('patch', `/enrollments/${ids['enrollment STU003']}`, { status: 'dropped' }),
    ['stats', 'otherCourse', 'stranger', 'strangerBefore'],
  ],
  [
    'session started, the first trace of the course',
    () =>
      send('post', '/sessions', {
        student_id: 'STU001',
        course_id: 'PROG-101',
        started_at: hoursAgo(1),
      }),
    ['stats', ...course, ...everyoneInTheCourse],
  ],
  [
    'session started',
    () => send('post', '/sessions', { session_id: 'S1', student_id: 'STU001', course_id: 'PROG-101' }),
    ['stats', ...course, ...own],
  ],
  [
    'message sent',
    () => send('post', '/sessions/S1/messages', { sender: 'student', kind: 'question', length: 10 }),
    ['stats', ...course, ...own],
  ],
  ['session ended', () => send('patch', '/sessions/S1', {}), ['stats', ...course, ...own]],
  [
    'work submitted',
    async () => {
      ids.submission =
        (await send('post', '/submissions', { student_id: 'STU001', activity_id: 'A1' })).body
          .submission_id ?? '';
    },
    ['stats', ...course, ...own],
  ],
  [
    'work submitted again',
    async () => {
      ids.second =
        (await send('post', '/submissions', { student_id: 'STU001', activity_id: 'A1' })).body
          .submission_id ?? '';
    },
    ['stats', ...course, ...own],
  ],
  ['grade set', () => send('put', `/submissions/${ids.second}/grade`, { score: 80 }), [...course, ...own]],
  ['grade set to the same', () => send('put', `/submissions/${ids.second}/grade`, { score: 80 }), []],
  [
    'grade changed',
    () => send('put', `/submissions/${ids.second}/grade`, { score: 90 }),
    [...course, ...own],
  ],
  [
    'submission declared void',
    () => send('post', `/submissions/${ids.second}/void`),
    ['stats', ...course, ...own],
  ],
  ['event received', () => send('post', '/events', event(eventId)), ['stats', ...course, ...own]],
  [
    'event received that happened before all others of the course',
    () => send('post', '/events', { ...event(randomUUID()), occurred_at: hoursAgo(2) }),
    ['stats', ...course, ...everyoneInTheCourse],
  ],
  [
    'event received that happened before all others and does not count as activity',
    () => send('post', '/events', { ...event(randomUUID()), verb: 'scrolled', occurred_at: hoursAgo(4) }),
    ['stats', ...course, ...own],
  ],
  [
    'event received that is the first trace, with a key',
    repeatably,
    ['stats', ...course, ...everyoneInTheCourse],
  ],
  [
    'the same with the same key, for the first may have failed after its commit',
    repeatably,
    ['stats', ...course, ...everyoneInTheCourse],
  ],
  [
    'event received of somebody who is no student of the course, before all others',
    () =>
      send('post', '/events', { ...event(randomUUID()), student_id: 'TEACH001', occurred_at: hoursAgo(5) }),
    ['stats', ...course],
  ],
  ['event received twice', () => send('post', '/events', event(eventId)), []],
  ['batch received', () => batch(event(randomUUID()), event(randomUUID())), ['stats', ...course, ...own]],
  [
    'batch received with what happened before all others of the course',
    () => batch({ ...event(randomUUID()), occurred_at: hoursAgo(3) }),
    ['stats', ...course, ...everyoneInTheCourse],
  ],
  [
    'event received, the first trace of the course by somebody whose enrollment is done before it is stored',
    () =>
      enrolledMeanwhile('NEW', () =>
        send('post', '/events', {
          ...event(randomUUID()),
          student_id: 'NEW',
          activity_id: 'A1',
          occurred_at: hoursAgo(6),
        }),
      ),
    ['stats', ...course, ...everyoneInTheCourse],
  ],
  [
    'batch received with such a first trace',
    () =>
      enrolledMeanwhile('STU003', () =>
        batch({
          ...event(randomUUID()),
          student_id: 'STU003',
          activity_id: 'A1',
          occurred_at: hoursAgo(7),
        }),
      ),
    ['stats', ...course, ...everyoneInTheCourse, 'stranger', 'strangerBefore'],
  ],
  ['batch of duplicates received', () => batch(event(eventId)), []],
  [
    'write rejected',
    async () => {
      const answer = await running.request
        .post('/api/v3/submissions')
        .send({ student_id: 'STU001', activity_id: 'nothing' });
      expect(answer.status).toBe(422);
    },
    [],
  ],
];

function batch(...events: object[]): Promise<unknown> {
  return running.request
    .post('/api/v3/events:batch')
    .set('content-type', 'application/x-ndjson')
    .send(events.map((line) => JSON.stringify(line)).join('\n'))
    .expect(200);
}

/** Enrolls somebody in PROG-101 while `write`, which names its activity A1, has read who is a student and cannot store yet. */
async function enrolledMeanwhile(user_id: string, write: () => Promise<unknown>): Promise<void> {
  const holder = database.dataSource.createQueryRunner();
  try {
    await holder.startTransaction();
    await holder.query(`SELECT FROM activities WHERE code = 'A1' FOR UPDATE`);
    // A request of supertest leaves when somebody awaits it.
    const writing = Promise.resolve(write());
    await pollUntil(async () => {
      const [row] = await database.dataSource.query<{ waiting: number }[]>(
        `SELECT count(*)::int AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO events%'`,
      );
      return row?.waiting === 1;
    }, 5000);
    await send('post', '/enrollments', { user_id, course_id: 'PROG-101' });
    await holder.commitTransaction();
    await writing;
  } finally {
    await holder.release();
  }
}

describe('after a write the views that it changes are recomputed and all others are still hits', () => {
  it.each(rows)('%s', async (_, run, expected) => {
    await warm();

    await run();

    expect((await recomputedViews()).sort()).toEqual([...expected].sort());
  });
});
