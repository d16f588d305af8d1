import { elementAt } from './element-at.js';
import { planActivities, type PlannedActivity } from './plan-activities.js';
import type { Preset } from './presets.js';
import { Random } from './random.js';
import { along, leavingCourseDays, leavingDays, leavingShare, registrationDays } from './shapes.js';

export const dayMs = 86_400_000;
const courseDays = 112;

/** Cases that every preset holds in PROG-101, so that examples and tests can name them. */
const plantedCases: ReadonlyMap<string, Case> = new Map([
  ['STU001', 'example'],
  ['STU002', 'perfect'],
  ['STU003', 'no_show'],
  ['STU004', 'new'],
  ['STU005', 'returning'],
] as const);
type Case = 'ordinary' | 'example' | 'perfect' | 'no_show' | 'new' | 'returning';

interface PlannedUser {
  readonly id: number;
  readonly code: string;
  readonly role: 'student' | 'teacher' | 'admin';
}

interface PlannedCourse {
  readonly id: number;
  readonly code: string;
  readonly name: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly teacherId: number;
  readonly activities: readonly PlannedActivity[];
}

/** A student in a course, with what drives their behaviour: ability and diligence are normal numbers. */
export interface PlannedEnrollment {
  readonly id: number;
  readonly user: PlannedUser;
  readonly course: PlannedCourse;
  readonly kind: Case;
  readonly enrolledAtMs: number;
  /** When they left the course, if they have. */
  readonly leftAtMs: number | null;
  readonly priorAttempts: number;
  readonly ability: number;
  readonly diligence: number;
  /** Their share of the rows of activity; 0 for those who are never seen. */
  readonly activityWeight: number;
  /** The time between which they can be active; empty when `fromMs >= toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly asOfMs: number;
  readonly preset: Preset;
  readonly users: readonly PlannedUser[];
  readonly courses: readonly PlannedCourse[];
  readonly enrollments: readonly PlannedEnrollment[];
  readonly teaching: readonly { readonly user: PlannedUser; readonly course: PlannedCourse }[];
}

/** Decides who is where and how each behaves; the rows follow from it. A few thousand objects at most. */
export function makePlan(preset: Preset, seed: number, asOfMs: number): Plan {
  const users = planUsers(preset);
  const teachers = users.filter((user) => user.role === 'teacher');
  const teacherOf = (courseIndex: number, place: number): PlannedUser =>
    elementAt(teachers, (courseIndex + place * preset.courses.length) % teachers.length);

  let activityId = 1;
  const courses = preset.courses.map((size, index): PlannedCourse => {
    const startsAtMs = startOfDay(asOfMs - size.elapsed * courseDays * dayMs);
    const endsAtMs = startsAtMs + courseDays * dayMs;
    const dates = { code: size.code, startsAtMs, endsAtMs, asOfMs, hasUrgent: index === 0 };
    const activities = planActivities(preset.activitiesPerCourse, activityId, dates);
    activityId += activities.length;
    const teacherId = teacherOf(index, 0).id;
    return { id: index + 1, code: size.code, name: size.name, startsAtMs, endsAtMs, teacherId, activities };
  });

  const enrollments: PlannedEnrollment[] = [];
  for (const [index, course] of courses.entries()) {
    const ranks = shuffledRanks(preset.courses[index]?.students ?? 0, new Random(seed, 'ranks', course.code));
    for (const rank of ranks) {
      const id = enrollments.length + 1;
      const user = elementAt(users, (id - 1) % preset.students);
      enrollments.push(planEnrollment({ id, user, course, seed, asOfMs, rank, size: ranks.length }));
    }
  }
  const teaching = courses.flatMap((course, index) =>
    Array.from({ length: preset.teachersPerCourse }, (_, place) => ({
      user: teacherOf(index, place),
      course,
    })),
  );
  return { seed, asOfMs, preset, users, courses, enrollments, teaching };
}

function planUsers(preset: Preset): PlannedUser[] {
  const users: PlannedUser[] = [];
  const add = (count: number, prefix: string, role: PlannedUser['role']): void => {
    for (let number = 1; number <= count; number++) {
      users.push({ id: users.length + 1, code: `${prefix}${String(number).padStart(3, '0')}`, role });
    }
  };
  add(preset.students, 'STU', 'student');
  add(preset.teachers, 'TEACH', 'teacher');
  add(preset.admins, 'ADMIN', 'admin');
  return users;
}

interface Place {
  readonly id: number;
  readonly user: PlannedUser;
  readonly course: PlannedCourse;
  readonly seed: number;
  readonly asOfMs: number;
  /** Place among the course's students by activity, 0 = most active. */
  readonly rank: number;
  readonly size: number;
}

function planEnrollment({ id, user, course, seed, asOfMs, rank, size }: Place): PlannedEnrollment {
  const random = new Random(seed, 'enrollments', id);
  const isFirstCourse = course.id === 1;
  const kind: Case = (isFirstCourse ? plantedCases.get(user.code) : undefined) ?? 'ordinary';
  const isOrdinary = kind === 'ordinary';

  const priorAttempts = chooseFrom(random, [0.87, 0.1, 0.03]);
  const ability = random.normal() - 0.35 * priorAttempts;
  // The rank carries part of the diligence: who is active also hands in.
  const activeness = (0.5 - (rank + 0.5) / size) * 3.4;
  const diligence = 0.4 * ability + 0.5 * activeness + 0.77 * random.normal();
  const registeredMs = startOfDay(course.startsAtMs) + along(registrationDays, random.next()) * dayMs;
  const leaves = random.chance(leavingShare - 0.1 * diligence + 0.05 * priorAttempts);
  const leavingDay = along(leavingDays, random.next());
  const enrolledAtMs =
    kind === 'new' ? asOfMs - dayMs : Math.floor(Math.min(registeredMs, asOfMs - 2 * dayMs));
  const scale = leavingDay > 0 ? courseDays / leavingCourseDays : 1;
  const leavesAtMs = Math.floor(
    Math.max(course.startsAtMs + leavingDay * scale * dayMs, enrolledAtMs + dayMs / 2),
  );
  const leftAtMs = isOrdinary && leaves && leavesAtMs <= asOfMs ? leavesAtMs : null;

  const fromMs = Math.max(enrolledAtMs, course.startsAtMs - 7 * dayMs);
  const toMs = Math.min(asOfMs, course.endsAtMs, leftAtMs ?? Infinity);
  const isSeen = kind !== 'new' && kind !== 'no_show' && toMs - fromMs >= dayMs;
  const presence = (toMs - fromMs) / (course.endsAtMs - course.startsAtMs);
  return {
    id,
    user,
    course,
    kind,
    enrolledAtMs,
    leftAtMs,
    priorAttempts: isOrdinary ? priorAttempts : 0,
    ability: kind === 'perfect' ? 2.5 : kind === 'example' ? -0.3 : ability,
    diligence: kind === 'perfect' ? 2.5 : kind === 'example' ? -0.4 : diligence,
    // Zipf's law, with its head cut off so that no student makes a tenth of a course's rows.
    activityWeight: isSeen ? (presence * size) / ((isOrdinary ? rank : 0) + 1 + 0.2 * size) : 0,
    fromMs,
    toMs,
  };
}

function chooseFrom(random: Random, shares: readonly number[]): number {
  let left = random.next();
  const index = shares.findIndex((share) => (left -= share) < 0);
  return index < 0 ? 0 : index;
}

function shuffledRanks(count: number, random: Random): number[] {
  const ranks = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1));
    [ranks[last], ranks[other]] = [elementAt(ranks, other), elementAt(ranks, last)];
  }
  return ranks;
}

function startOfDay(ms: number): number {
  return Math.floor(ms / dayMs) * dayMs;
}
