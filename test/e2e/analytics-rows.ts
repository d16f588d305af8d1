import type { DataSource } from 'typeorm';

/** Small hand-made history of one course (and a second one beside it), as plain rows with times in ms. */
export interface Rows {
  course: { code: string; startsAt: number; endsAt: number; passMark: number };
  students: {
    code: string;
    enrolledAt: number;
    endedAt: number | null;
    status: string;
    deletedAt?: number;
  }[];
  activities: {
    code: string;
    status: string;
    weight: number;
    dueAt: number | null;
    isRequired: boolean;
  }[];
  submissions: {
    student: string;
    activity: string;
    attempt: number;
    at: number;
    dueAtEffective: number | null;
    status: string;
    score: number | null;
    gradedAt: number | null;
  }[];
  sessions: { code: string; student: string; startedAt: number; endedAt: number | null }[];
  messages: { session: string; sender: string; kind: string; at: number }[];
  events: { student: string; verb: string; at: number }[];
}

export const day = 86_400_000;
export const minute = 60_000;
const hour = 60 * minute;
export const start = Date.UTC(2026, 0, 12);

/** Pseudo-random, but the same each time; every kind of case that the measures tell apart turns up. */
export function someRows(seed: number, studentCount = 14, code = 'PROG-101'): Rows {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const between = (from: number, to: number) => Math.floor(from + random() * (to - from));
  const rows: Rows = {
    course: { code, startsAt: start, endsAt: start + 70 * day, passMark: 60 },
    students: [],
    activities: [],
    submissions: [],
    sessions: [],
    messages: [],
    events: [],
  };
  for (let n = 1; n <= 8; n++) {
    rows.activities.push({
      code: `${code}-A${n}`,
      status: n === 7 ? 'draft' : 'published',
      weight: n === 6 ? 0 : pick([0.5, 1, 2.125]),
      dueAt: n === 8 ? null : start + n * 7 * day - 1000,
      isRequired: n !== 5,
    });
  }
  for (let n = 1; n <= studentCount; n++) {
    const student = `STU${String(n).padStart(3, '0')}`;
    const endedAt = n % 5 === 0 ? between(start + 20 * day, start + 60 * day) : null;
    rows.students.push({
      code: student,
      enrolledAt: n % 6 === 0 ? between(start + 10 * day, start + 40 * day) : start - between(1, 30) * day,
      endedAt,
      status: endedAt === null ? 'active' : pick(['dropped', 'failed', 'completed']),
    });
    // One in seven never shows up.
    if (n % 7 === 0) continue;
    const diligence = random();
    for (const activity of rows.activities) {
      if (random() > 0.4 + diligence * 0.6) continue;
      const dueAt = activity.dueAt ?? start + 30 * day;
      const attempts = pick([1, 1, 1, 2, 3]);
      const isBanked = random() < 0.08;
      let at = dueAt - between(-2 * day, 5 * day);
      if (random() < 0.1) at = dueAt + between(0, minute);
      const extended = random() < 0.1 ? dueAt + 3 * day : null;
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const isGraded = !isBanked && random() < 0.8;
        rows.submissions.push({
          student,
          activity: activity.code,
          attempt,
          at,
          dueAtEffective: extended ?? (random() < 0.5 ? activity.dueAt : null),
          status: isBanked ? 'banked' : random() < 0.06 ? 'voided' : isGraded ? 'graded' : 'submitted',
          score: isGraded ? between(0, 10_001) / 100 : null,
          gradedAt: isGraded ? at + between(1, 6 * day) : null,
        });
        at += between(hour, 3 * day);
      }
    }
    for (let s = 0; s < between(0, 9); s++) {
      const session = `S-${code}-${n}-${s}`;
      const startedAt = between(start - 2 * day, start + 68 * day);
      const length = pick([5 * minute, 50 * minute, 3 * hour, 9 * hour]);
      rows.sessions.push({
        code: session,
        student,
        startedAt,
        endedAt: random() < 0.7 ? startedAt + length : null,
      });
      if (random() < 0.4) {
        rows.sessions.push({
          code: `${session}b`,
          student,
          startedAt: startedAt + between(0, 2 * hour),
          endedAt: startedAt + between(2 * hour, 4 * hour),
        });
      }
      for (let m = 0; m < between(0, 12); m++) {
        rows.messages.push({
          session,
          sender: pick(['student', 'tutor']),
          kind: pick(['question', 'hint', 'other']),
          at: startedAt + between(0, length),
        });
      }
    }
    for (let e = 0; e < between(5, 120) * diligence; e++) {
      rows.events.push({
        student,
        verb: pick(['viewed', 'opened', 'passed', 'scrolled']),
        at: between(start - 10 * day, start + 69 * day),
      });
    }
  }
  return rows;
}

/** What a database would hold if it had been copied at that moment. */
export function rowsUntil(rows: Rows, until: number): Rows {
  const seen = <T extends { at: number }>(all: T[]) => all.filter(({ at }) => at <= until);
  return {
    ...rows,
    students: rows.students
      .filter(({ enrolledAt, deletedAt = Infinity }) => enrolledAt <= until && deletedAt > until)
      .map((student) =>
        student.endedAt !== null && student.endedAt > until
          ? { ...student, endedAt: null, status: 'active' }
          : student,
      ),
    submissions: seen(rows.submissions).map((submission) =>
      submission.gradedAt !== null && submission.gradedAt > until
        ? {
            ...submission,
            score: null,
            gradedAt: null,
            status: submission.status === 'graded' ? 'submitted' : submission.status,
          }
        : submission,
    ),
    sessions: rows.sessions
      .filter(({ startedAt }) => startedAt <= until)
      .map((session) =>
        session.endedAt !== null && session.endedAt > until ? { ...session, endedAt: null } : session,
      ),
    messages: seen(rows.messages),
    events: seen(rows.events),
  };
}

/** Stores the rows as the services would: counters and days are left to the database. */
export async function store(dataSource: DataSource, rows: Rows): Promise<void> {
  const insert = (sql: string, list: readonly object[]) => dataSource.query(sql, [JSON.stringify(list)]);
  const at = (column: string) => `to_timestamp((r->>'${column}')::float8 / 1000)`;
  const from = 'FROM jsonb_array_elements($1::jsonb) AS r';
  const { course } = rows;
  await insert(
    `INSERT INTO courses (code, name, starts_at, ends_at, pass_mark)
     SELECT r->>'code', 'Name of ' || (r->>'code'), ${at('startsAt')}, ${at('endsAt')}, (r->>'passMark')::numeric ${from}`,
    [course],
  );
  await insert(
    `INSERT INTO users (code, full_name, email, role, deleted_at)
     SELECT r->>'code', 'Name of ' || (r->>'code'), lower(r->>'code') || '@example.org', 'student',
       ${at('deletedAt')} ${from}
     ON CONFLICT DO NOTHING`,
    rows.students,
  );
  await insert(
    `INSERT INTO enrollments (user_id, course_id, status, enrolled_at, ended_at)
     SELECT u.id, c.id, r->>'status', ${at('enrolledAt')}, ${at('endedAt')}
     ${from} JOIN users u ON u.code = r->>'code' JOIN courses c ON c.code = '${course.code}'`,
    rows.students,
  );
  await insert(
    `INSERT INTO activities (code, course_id, title, kind, status, weight, due_at, is_required)
     SELECT r->>'code', c.id, 'Title of ' || (r->>'code'), 'exercise', r->>'status', (r->>'weight')::numeric,
       ${at('dueAt')}, (r->>'isRequired')::boolean
     ${from} JOIN courses c ON c.code = '${course.code}'`,
    rows.activities,
  );
  await insert(
    `INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at, due_at_effective, status, score, graded_at)
     SELECT u.id, a.id, (r->>'attempt')::int, ${at('at')}, ${at('dueAtEffective')}, r->>'status',
       (r->>'score')::numeric, ${at('gradedAt')}
     ${from} JOIN users u ON u.code = r->>'student' JOIN activities a ON a.code = r->>'activity'`,
    rows.submissions,
  );
  await insert(
    `INSERT INTO tutor_sessions (code, user_id, course_id, started_at, last_event_at, ended_at)
     SELECT r->>'code', u.id, c.id, ${at('startedAt')}, ${at('startedAt')}, ${at('endedAt')}
     ${from} JOIN users u ON u.code = r->>'student' JOIN courses c ON c.code = '${course.code}'`,
    rows.sessions,
  );
  await insert(
    `INSERT INTO tutor_messages (session_id, sender, kind, sent_at)
     SELECT s.id, r->>'sender', r->>'kind', ${at('at')} ${from} JOIN tutor_sessions s ON s.code = r->>'session'`,
    rows.messages,
  );
  await insert(
    `INSERT INTO events (user_id, course_id, verb, occurred_at, client_id)
     SELECT u.id, c.id, r->>'verb', ${at('at')}, gen_random_uuid()
     ${from} JOIN users u ON u.code = r->>'student' JOIN courses c ON c.code = '${course.code}'`,
    rows.events,
  );
}
