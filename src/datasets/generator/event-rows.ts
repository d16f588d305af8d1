import { activeDays, timeWithin } from './activity-times.js';
import type { Plan, PlannedEnrollment } from './plan.js';
import { Random } from './random.js';
import { type Cell, type TableRows, timestamp } from './table-rows.js';
import { along, clicks, rowsPerActiveDay, shareOut } from './shapes.js';

const columns = [
  'id',
  'user_id',
  'course_id',
  'activity_id',
  'verb',
  'occurred_at',
  'received_at',
  'quantity',
  'client_id',
  'source',
];

// By their share of an active day. Verbs that other tables tell of (submitted, passed, failed) are left out.
const verbs =
  'viewed viewed viewed viewed viewed viewed opened opened attempted attempted asked received_hint'
    .concat(' completed logged_out')
    .split(' ');

/** The click stream: about seven rows on an active day, the first of them the login. */
export function eventRows(plan: Plan): TableRows {
  return { table: 'events', columns, rowCount: plan.preset.events, rows: events(plan) };
}

function* events(plan: Plan): Generator<Cell[]> {
  const counts = shareOut(
    plan.preset.events,
    plan.enrollments.map((enrollment) => enrollment.activityWeight),
  );
  let id = 0;
  for (const [index, enrollment] of plan.enrollments.entries()) {
    const count = counts[index] ?? 0;
    if (count === 0) continue;
    const random = new Random(plan.seed, 'events', enrollment.id);
    const wantedDays = Math.ceil(count / rowsPerActiveDay);
    for (const day of activeDays(plan, enrollment, random, count, wantedDays)) {
      let atMs = timeWithin(day, random);
      for (let place = 0; place < day.count; place++) {
        yield event(++id, enrollment, random, atMs, place === 0);
        atMs = Math.min(atMs + Math.floor(random.between(5_000, 200_000)), day.toMs - 1);
      }
    }
  }
}

function event(
  id: number,
  enrollment: PlannedEnrollment,
  random: Random,
  atMs: number,
  isFirst: boolean,
): Cell[] {
  const { user, course } = enrollment;
  const verb = isFirst ? 'logged_in' : random.pick(verbs);
  const activity = course.activities.find((one) => one.status === 'published' && one.dueAtMs > atMs);
  const isAboutActivity = verb !== 'logged_in' && verb !== 'logged_out';
  const occurredAt = timestamp(atMs);
  return [
    id,
    user.id,
    course.id,
    isAboutActivity ? (activity?.id ?? null) : null,
    verb,
    occurredAt,
    occurredAt,
    isAboutActivity ? Math.floor(along(clicks, random.next())) : 1,
    random.uuid(),
    'generator',
  ];
}
