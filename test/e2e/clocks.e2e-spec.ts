import { randomUUID } from 'node:crypto';
import { CacheService } from '../../src/cache/index.js';
import { expectHit } from '../../src/cache/testing/index.js';
import { figure } from '../support/figures.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { pollUntil, required } from '../support/processes.js';
import { shiftDate } from '../support/shifted-date.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const base = '/api/v3';
const course = `${base}/analytics/courses/PROG-101`;
const minute = 60_000;
const off = 10 * minute;
const now = Date.now();
const at = (ms: number) => new Date(now + ms).toISOString();

let database: TestDatabase;
/** Two processes of the service. */
let one: TestApp;
let other: TestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: required('TEST_REDIS_URL'),
    CACHE_NAMESPACE: `${randomUUID()}:`,
    REDIS_COMMAND_TIMEOUT_MS: '5000',
  };
  [one, other] = [await startTestApp({ env }), await startTestApp({ env })];
  const areReady = () => [one, other].every(({ app }) => app.get(CacheService).stats().isAvailable);
  await pollUntil(areReady, 5000);

  const inDays = (days: number) => at(days * 1440 * minute);
  const dates = { starts_at: inDays(-30), ends_at: inDays(30) };
  await send('post', '/courses', { course_id: 'PROG-101', name: 'Programming', ...dates });
  await publish('A1', inDays(10));
  for (const user_id of ['STU001', 'STU002', 'STU003', 'STU004']) {
    await send('post', '/users', { user_id, role: 'student' });
  }
  for (const user_id of ['STU001', 'STU002', 'STU003']) await enrol(user_id, { enrolled_at: inDays(-20) });
});

afterAll(async () => {
  await Promise.all([one.close(), other.close()]);
  await database.drop();
});

async function send(method: 'post' | 'put' | 'patch' | 'delete', path: string, body?: object) {
  const answer = await one.request[method](base + path)
    .set({ 'if-match': '*' })
    .send(body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body as Record<string, string>;
}

const enrol = (user_id: string, dates: object = {}) =>
  send('post', '/enrollments', { user_id, course_id: 'PROG-101', ...dates });
const handIn = (student_id: string) => send('post', '/submissions', { student_id, activity_id: 'A1' });
const talk = (session: object) => send('post', '/sessions', { course_id: 'PROG-101', ...session });
const publish = (activity_id: string, due_at: string) =>
  send('post', '/courses/PROG-101/activities', {
    ...{ activity_id, title: 'First', kind: 'exercise', status: 'published', due_at },
  });

/** Runs `work` while the clock of the process is wrong. */
async function withClock<T>(aheadMs: number, work: () => Promise<T>): Promise<T> {
  const putRight = shiftDate(aheadMs);
  try {
    return await work();
  } finally {
    putRight();
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- as supertest has bodies
const see = async (path: string, number: (body: any) => number | null): Promise<number> =>
  number((await other.request.get(path).expect(200)).body) ?? 0;
const students = () => see(course, ({ total_students }) => total_students);
const completed = (rows: { exercises_completed: number }[]) =>
  rows.reduce((sum, { exercises_completed: number }) => sum + number, 0);

type Made = Record<string, string>;

interface Write {
  what: string;
  /** what there must be before */
  made?: () => Promise<Made>;
  write: (made: Made) => Promise<unknown>;
  /** what the other process shows, and by how much that is to change */
  look: () => Promise<number>;
  by: number;
}

describe('F28: what a process whose clock is ten minutes ahead has written is in the answers of another', () => {
  it.each<Write>([
    { what: 'an enrollment', write: () => enrol('STU004'), look: students, by: 1 },
    {
      what: 'a session',
      write: () => talk({ student_id: 'STU001' }),
      look: () => see(course, ({ tutor }) => tutor.sessions),
      by: 1,
    },
    {
      what: 'a session among those of all courses',
      write: () => talk({ student_id: 'STU001' }),
      look: () => see(`${base}/system/stats`, ({ open_sessions }) => open_sessions),
      by: 1,
    },
    {
      what: 'a message',
      made: () => talk({ student_id: 'STU001' }),
      write: ({ session_id }) =>
        send('post', `/sessions/${session_id}/messages`, { sender: 'student', kind: 'question' }),
      look: () => see(course, ({ tutor }) => tutor.messages),
      by: 1,
    },
    {
      what: 'the end of a session',
      made: () => talk({ student_id: 'STU001', started_at: at(-100 * minute) }),
      write: ({ session_id }) => send('patch', `/sessions/${session_id}`, {}),
      look: () => see(course, ({ time_on_task_minutes: { total } }) => Math.floor(total / 100)),
      by: 1,
    },
    {
      what: 'an attempt',
      write: () => handIn('STU001'),
      look: () => see(`${base}/analytics/students/STU001`, (view) => completed([view])),
      by: 1,
    },
    {
      what: 'an attempt, in the list of the students',
      write: () => handIn('STU002'),
      look: () => see(`${course}/students`, ({ data }) => completed(data)),
      by: 1,
    },
    {
      what: 'a grade',
      made: () => handIn('STU003'),
      write: ({ submission_id }) => send('put', `/submissions/${submission_id}/grade`, { score: 80 }),
      look: () => see(course, ({ average_score }) => average_score),
      by: 80,
    },
    {
      what: 'the end of an enrollment',
      made: async () => {
        await send('post', '/users', { user_id: 'LEAVES', role: 'student' });
        return enrol('LEAVES');
      },
      write: ({ enrollment_id }) => send('patch', `/enrollments/${enrollment_id}`, { status: 'dropped' }),
      look: students,
      by: -1,
    },
    {
      what: 'that a person is deleted',
      write: () => send('delete', '/users/STU003'),
      look: students,
      by: -1,
    },
  ])('$what', async ({ made, write, look, by }) => {
    const before = (await made?.()) ?? {};
    const shown = await look();

    await withClock(off, () => write(before));

    expect((await look()) - shown).toBe(by);
  });
});

it('F28: a process whose clock is behind shows what another has written', async () => {
  const before = await students();
  await send('post', '/users', { user_id: 'COMES', role: 'student' });
  await enrol('COMES');

  expect(await withClock(-off, students)).toBe(before + 1);
});

it('F28: a process whose clock is behind keeps no answer longer than to the next deadline', async () => {
  await publish('A2', new Date(Date.now() + 50_000).toISOString());

  const [miss, hit] = await withClock(-off, async () => {
    const first = await other.request.get(course).expect(200);
    await other.app.get(CacheService).settle();
    return [first, await other.request.get(course).expect(200)];
  });

  expectHit(hit);
  const { as_of, generated_at } = miss.body;
  expect(Date.parse(generated_at)).toBeGreaterThanOrEqual(Date.parse(as_of));
  const [, ttlS] = /ttl=(\d+)/.exec(hit.get('cache-status') ?? '') ?? [];
  figure('F28', 'kept with a deadline in 50 s by a clock that is behind, s', Number(ttlS), { atMost: 50 });
  expect(Number(ttlS)).toBeLessThanOrEqual(50);
});
