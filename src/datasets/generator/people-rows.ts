import { outcomeOf } from './outcome.js';
import { dayMs, type Plan } from './plan.js';
import type { PlannedWork } from './plan-work.js';
import { Random } from './random.js';
import { type TableRows, timestamp } from './table-rows.js';

const firstNames =
  'Ada Alan Amara Bea Carlos Chen Dina Elif Emil Fatima Grace Hugo Ines Ivan Jana Kofi Lena Linus'
    .concat(' Maria Mateo Mei Nadia Noor Omar Paula Priya Rosa Sami Sofia Tomas Uma Viktor Yara Zoe')
    .split(' ');
const lastNames =
  'Abebe Alvarez Bauer Chen Costa Diaz Fischer Garcia Haddad Ivanov Jensen Kaya Khan Kim Kowalski'
    .concat(
      ' Lopez Martin Mensah Moreau Nguyen Novak Okafor Patel Rossi Sato Schmidt Silva Tanaka Vega Weber',
    )
    .split(' ');

export function userRows(plan: Plan): TableRows {
  const joined = new Map<number, number>();
  for (const { user, enrolledAtMs } of plan.enrollments) {
    joined.set(user.id, Math.min(enrolledAtMs, joined.get(user.id) ?? Infinity));
  }
  function* rows() {
    for (const { id, code, role } of plan.users) {
      const random = new Random(plan.seed, 'users', id);
      const name = `${random.pick(firstNames)} ${random.pick(lastNames)}`;
      const since = timestamp(joined.get(id) ?? plan.asOfMs - 400 * dayMs);
      yield [id, code, `${code.toLowerCase()}@example.org`, name, role, true, since, since];
    }
  }
  return {
    table: 'users',
    columns: ['id', 'code', 'email', 'full_name', 'role', 'is_active', 'created_at', 'updated_at'],
    rowCount: plan.users.length,
    rows: rows(),
  };
}

export function courseRows(plan: Plan): TableRows {
  function* rows() {
    for (const { id, code, name, startsAtMs, endsAtMs } of plan.courses) {
      const createdAt = timestamp(startsAtMs - 250 * dayMs);
      yield [id, code, name, timestamp(startsAtMs), timestamp(endsAtMs), 60, true, createdAt];
    }
  }
  return {
    table: 'courses',
    columns: ['id', 'code', 'name', 'starts_at', 'ends_at', 'pass_mark', 'is_active', 'created_at'],
    rowCount: plan.courses.length,
    rows: rows(),
  };
}

export function enrollmentRows(plan: Plan, work: readonly PlannedWork[]): TableRows {
  function* rows() {
    const workOf = new Map<number, PlannedWork[]>();
    for (const one of work) {
      const list = workOf.get(one.enrollment.id);
      if (list) list.push(one);
      else workOf.set(one.enrollment.id, [one]);
    }
    for (const enrollment of plan.enrollments) {
      const { id, user, course, enrolledAtMs, priorAttempts } = enrollment;
      const { status, endedAtMs, result } = outcomeOf(plan, enrollment, workOf.get(id) ?? []);
      const times = [timestamp(enrolledAtMs), timestamp(endedAtMs)];
      yield [id, user.id, course.id, 'student', status, ...times, result, priorAttempts];
    }
    let id = plan.enrollments.length;
    for (const { user, course } of plan.teaching) {
      const since = timestamp(course.startsAtMs - 250 * dayMs);
      yield [++id, user.id, course.id, 'teacher', 'active', since, null, null, 0];
    }
  }
  const columns = ['id', 'user_id', 'course_id', 'role', 'status', 'enrolled_at', 'ended_at', 'final_result'];
  return {
    table: 'enrollments',
    columns: [...columns, 'prior_attempts'],
    rowCount: plan.enrollments.length + plan.teaching.length,
    rows: rows(),
  };
}

export function activityRows(plan: Plan): TableRows {
  function* rows() {
    for (const course of plan.courses) {
      const createdAt = timestamp(course.startsAtMs - 30 * dayMs);
      for (const { id, code, title, kind, status, weight, opensAtMs, dueAtMs } of course.activities) {
        const times = [timestamp(opensAtMs), timestamp(dueAtMs)];
        yield [id, code, course.id, title, kind, status, 100, weight, ...times, true, createdAt];
      }
    }
  }
  const columns = [
    'id',
    'code',
    'course_id',
    'title',
    'kind',
    'status',
    'points',
    'weight',
    'opens_at',
    'due_at',
  ];
  return {
    table: 'activities',
    columns: [...columns, 'is_required', 'created_at'],
    rowCount: plan.courses.length * plan.preset.activitiesPerCourse,
    rows: rows(),
  };
}
