import { activeDays, timeWithin } from './activity-times.js';
import type { PlannedActivity } from './plan-activities.js';
import type { Plan, PlannedEnrollment } from './plan.js';
import { Random } from './random.js';
import { type Cell, type TableRows, timestamp } from './table-rows.js';
import { along, sessionMinutes, shareOut } from './shapes.js';

interface PlannedSession {
  readonly id: number;
  readonly enrollment: PlannedEnrollment;
  readonly activity: PlannedActivity | undefined;
  readonly startedAtMs: number;
  readonly lastEventAtMs: number;
  readonly isOpen: boolean;
}

/** Tutor sessions. Their message counts are kept by the database as the messages come in. */
export function sessionRows(plan: Plan): TableRows {
  function* rows(): Generator<Cell[]> {
    for (const session of sessions(plan)) {
      const { id, enrollment, activity, startedAtMs, lastEventAtMs, isOpen } = session;
      yield [
        id,
        `SES-${String(id).padStart(6, '0')}`,
        enrollment.user.id,
        enrollment.course.id,
        activity?.id ?? null,
        timestamp(startedAtMs),
        timestamp(lastEventAtMs),
        isOpen ? null : timestamp(lastEventAtMs),
      ];
    }
  }
  const people = ['id', 'code', 'user_id', 'course_id', 'activity_id'];
  const columns = [...people, 'started_at', 'last_event_at', 'ended_at'];
  return { table: 'tutor_sessions', columns, rowCount: plan.preset.sessions, rows: rows() };
}

const questions = ['question', 'question', 'question', 'code_request', 'other'] as const;
const replies = ['answer', 'answer', 'hint', 'hint', 'hint', 'other'] as const;

/** What was said, without its text: the measures need only kind and count. */
export function messageRows(plan: Plan): TableRows {
  function* rows(): Generator<Cell[]> {
    const weights = Array.from({ length: plan.preset.sessions }, (_, index) => {
      return new Random(plan.seed, 'message-shares', index + 1).between(0.2, 1.8);
    });
    const counts = shareOut(plan.preset.messages, weights);
    let id = 0;
    for (const session of sessions(plan)) {
      const count = counts[session.id - 1] ?? 0;
      const random = new Random(plan.seed, 'tutor_messages', session.id);
      const lengthMs = session.lastEventAtMs - session.startedAtMs;
      for (let index = 0; index < count; index++) {
        const isStudent = index % 2 === 0;
        const sentAtMs = session.startedAtMs + Math.floor((lengthMs * (index + 0.5)) / count);
        const kind = random.pick<string>(isStudent ? questions : replies);
        const length = Math.floor(isStudent ? random.between(10, 200) : random.between(60, 900));
        const sender = isStudent ? 'student' : 'tutor';
        yield [++id, session.id, sender, timestamp(sentAtMs), kind, length, random.uuid()];
      }
    }
  }
  const columns = ['id', 'session_id', 'sender', 'sent_at', 'kind', 'length', 'client_id'];
  return { table: 'tutor_messages', columns, rowCount: plan.preset.messages, rows: rows() };
}

function* sessions(plan: Plan): Generator<PlannedSession> {
  const counts = shareOut(
    plan.preset.sessions,
    plan.enrollments.map((enrollment) => enrollment.activityWeight),
  );
  let id = 0;
  for (const [index, enrollment] of plan.enrollments.entries()) {
    const count = counts[index] ?? 0;
    if (count === 0) continue;
    const random = new Random(plan.seed, 'tutor_sessions', enrollment.id);
    for (const day of activeDays(plan, enrollment, random, count, count)) {
      for (let place = 0; place < day.count; place++) {
        const startedAtMs = timeWithin(day, random);
        const endsAtMs = startedAtMs + Math.floor(along(sessionMinutes, random.next()) * 60_000);
        const activity = enrollment.course.activities.find(
          (one) => one.status === 'published' && one.dueAtMs > startedAtMs,
        );
        const isOpen = endsAtMs > plan.asOfMs;
        const lastEventAtMs = Math.min(endsAtMs, plan.asOfMs);
        yield { id: ++id, enrollment, activity, startedAtMs, lastEventAtMs, isOpen };
      }
    }
  }
}
