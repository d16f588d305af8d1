import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Problem } from '../../http/problem.js';
import { coursesSql } from '../facts/course-blocks.sql.js';
import type { Course } from '../facts/course.js';
import type { EnrollmentStatus } from '../../records/enrollments/enrollment.entity.js';
import { type Moment, momentOf } from '../facts/moment.js';
import { inPreparedSnapshot, type Query } from '../facts/snapshot.js';
import { enrollmentsSql, factsAtMomentsSql, namedWorkSql, studentSql } from '../facts/student-blocks.sql.js';
import { riskFacts, type StudentRow } from '../facts/student-facts.js';
import { endOfWeek, isoWeek, mondayOf, twelveMondays } from '../iso-week.js';
import { assessRisk, modelVersion } from '../risk/risk-model.js';
import { ratio, rounded, sum } from '../statistics.js';
import { courseRisk, endedCourseRisk } from './course-risk.js';
import { PeerActivityService } from './peer-activity.service.js';
import type { CourseRiskDto, RiskWeekDto, StudentRiskDto, StudentStatus } from './student-risk.dto.js';

interface Student {
  id: number;
  code: string;
  name: string | null;
  email: string | null;
}

interface Enrollment {
  course: Course;
  status: EnrollmentStatus;
}

/** What one snapshot of the database says about a student. */
interface Snapshot {
  moment: Moment;
  student: Student;
  enrollments: Enrollment[];
  /** rows of the active courses at each moment: the ends of past weeks, then the present */
  history: { moment: Date; rows: StudentRow[] }[];
  work: Map<number, { missing_ids: string[]; lowest_ids: string[] }>;
}

/** The risk of one student, overall and by course. */
@Injectable()
export class StudentRiskService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly peers: PeerActivityService,
  ) {}

  /**
   * The risk now. Peers are as they were up to 30 s before, so that all students of a course can share what is known of them.
   *
   * @param courseCode  one course, whatever has become of the enrollment; `null` for all with an active enrollment
   * @throws {Problem} `not_found` for an unknown student, or one who is not enrolled in the course
   */
  riskNow(studentCode: string, courseCode: string | null): Promise<StudentRiskDto> {
    return this.#assess(studentCode, courseCode);
  }

  /** The same as of any moment. */
  riskAt(studentCode: string, courseCode: string | null, past: Date): Promise<StudentRiskDto> {
    return this.#assess(studentCode, courseCode, past);
  }

  async #assess(studentCode: string, courseCode: string | null, past?: Date): Promise<StudentRiskDto> {
    // Asked outside the snapshot's connection, and while it is busy. Its answer is awaited after that connection is
    // free again, so that requests never hold one while they wait for another.
    const peers = new Map<number, Promise<(number | null)[]>>();
    const snapshot = await inPreparedSnapshot(this.dataSource, async (query) => {
      const moment = await momentOf(query, past);
      const peersAsOf = (past ?? halfMinuteOf(moment.asOf)).toISOString();
      return readStudentSnapshot(query, studentCode, courseCode, moment, (courseId) => {
        const medians = this.peers.medians(courseId, peersAsOf);
        medians.catch(() => undefined);
        peers.set(courseId, medians);
      });
    });
    const { asOf } = snapshot.moment;
    const courses: CourseRiskDto[] = [];
    for (const { course, status } of snapshot.enrollments) {
      const row = rowsNow(snapshot).find(({ course_id }) => course_id === course.id);
      const medians = await peers.get(course.id);
      if (row && medians) {
        courses.push(
          courseRisk(course, asOf, {
            row,
            medianActiveDays: medians.at(-1) ?? null,
            work: namedWork(snapshot, course),
            trend: trend(snapshot, course, medians),
          }),
        );
      } else {
        courses.push(endedCourseRisk(course, status, asOf));
      }
    }
    return {
      ...overall(snapshot, courses),
      course_id: courseCode,
      courses,
      next_deadline_at: firstDeadline(snapshot.enrollments),
      as_of: asOf.toISOString(),
      generated_at: snapshot.moment.now().toISOString(),
      model_version: modelVersion,
    };
  }
}

/** When the half minute began that a moment lies in. */
function halfMinuteOf(moment: Date): Date {
  return new Date(moment.getTime() - (moment.getTime() % 30_000));
}

/** The model at the end of each week since the student came in, then at the moment. */
function trend({ history }: Snapshot, course: Course, medians: readonly (number | null)[]): RiskWeekDto[] {
  return history.flatMap(({ moment, rows }, i) => {
    const row = rows.find(({ course_id }) => course_id === course.id);
    if (!row || Date.parse(row.in_since) > moment.getTime()) return [];
    const facts = riskFacts(row, course, moment, medians[i] ?? null);
    return [{ week: isoWeek(mondayOf(moment)), score: assessRisk(facts).score }];
  });
}

async function readStudentSnapshot(
  query: Query,
  studentCode: string,
  courseCode: string | null,
  moment: Moment,
  startPeers: (courseId: number) => void,
): Promise<Snapshot> {
  const { asOf } = moment;
  const [student] = await query<Student>(studentSql, [studentCode, asOf]);
  if (!student) throw new Problem('not_found', 'There is no such student.');
  const enrollments = await enrollmentsOf(query, student, courseCode, asOf);
  if (courseCode !== null && enrollments.length === 0) {
    throw new Problem('not_found', 'The student is not enrolled in this course.');
  }
  const courseIds = enrollments.filter(({ status }) => status === 'active').map(({ course }) => course.id);
  const moments = [...twelveMondays(asOf).slice(0, -1).map(endOfWeek), asOf];
  if (courseIds.length === 0) {
    const history = moments.map((at) => ({ moment: at, rows: [] }));
    return { moment, student, enrollments, history, work: new Map() };
  }
  courseIds.forEach(startPeers);

  const scope = [courseIds, asOf, student.id];
  const facts = await query<{ students: StudentRow[] | null }>(factsAtMomentsSql, [
    courseIds,
    moments,
    student.id,
  ]);
  const work = await query<{ course_id: number; missing_ids: string[]; lowest_ids: string[] }>(
    namedWorkSql,
    scope,
  );
  return {
    moment,
    student,
    enrollments,
    history: moments.map((at, i) => ({ moment: at, rows: facts[i]?.students ?? [] })),
    work: new Map(work.map((row) => [row.course_id, row])),
  };
}

/** The named enrollment, or all active ones, by course. */
async function enrollmentsOf(
  query: Query,
  student: Student,
  courseCode: string | null,
  asOf: Date,
): Promise<Enrollment[]> {
  const found = await query<{ courseCode: string; status: EnrollmentStatus }>(enrollmentsSql, [
    student.id,
    asOf,
    courseCode,
  ]);
  const shown = courseCode === null ? found.filter(({ status }) => status === 'active') : found;
  const courses = await query<Course>(coursesSql, [shown.map((row) => row.courseCode), asOf]);
  const byCode = new Map(courses.map((course) => [course.code, course]));
  return shown.flatMap((row) => {
    const course = byCode.get(row.courseCode);
    return course ? [{ course, status: row.status }] : [];
  });
}

const rowsNow = ({ history }: Snapshot): StudentRow[] => history.at(-1)?.rows ?? [];

function namedWork({ work }: Snapshot, course: Course): { missingIds: string[]; lowestIds: string[] } {
  const named = work.get(course.id);
  return { missingIds: named?.missing_ids ?? [], lowestIds: named?.lowest_ids ?? [] };
}

type Overall = Omit<
  StudentRiskDto,
  'course_id' | 'courses' | 'next_deadline_at' | 'as_of' | 'generated_at' | 'model_version'
>;

function overall(snapshot: Snapshot, courses: readonly CourseRiskDto[]): Overall {
  const { student } = snapshot;
  const rows = rowsNow(snapshot);
  const add = (count: (row: StudentRow) => number | null) => sum(rows.map((row) => count(row) ?? 0));
  const completed = add((row) => row.completed);
  const required = add((row) => row.required);
  const attempted = add((row) => row.submitted);
  const lastActivityAt = highest(courses.map((course) => course.last_activity_at));
  const worst = worstOf(courses);
  return {
    student_id: student.code,
    student_name: student.name,
    email: student.email,
    status: statusOf(completed, required, lastActivityAt !== null),
    risk_score: worst?.risk_score ?? null,
    risk_level: worst?.risk_level ?? null,
    is_at_risk: courses.some((course) => course.is_at_risk),
    time_spent_minutes: rounded(
      add((row) => row.minutes),
      1,
    ),
    exercises_completed: completed,
    total_exercises: required,
    completion_rate: ratio(completed, required),
    last_activity_at: lastActivityAt,
    average_attempts: attempted === 0 ? null : rounded(add((row) => row.attempts) / attempted, 2),
    ai_dependency_score: highest(courses.map((course) => course.ai_dependency_score)),
  };
}

/** The course with the highest score; one with any level before one with none. */
function worstOf(courses: readonly CourseRiskDto[]): CourseRiskDto | undefined {
  return courses
    .filter(({ risk_level }) => risk_level !== null)
    .sort((a, b) => (b.risk_score ?? -1) - (a.risk_score ?? -1))[0];
}

function statusOf(completed: number, required: number, wasActive: boolean): StudentStatus {
  if (required > 0 && completed === required) return 'completed';
  return completed > 0 || wasActive ? 'in_progress' : 'not_started';
}

function highest<T extends string | number>(values: readonly (T | null)[]): T | null {
  return values.reduce((max, value) => (value !== null && (max === null || value > max) ? value : max), null);
}

function firstDeadline(enrollments: readonly Enrollment[]): string | null {
  const deadlines = enrollments.map(({ course }) => course.nextDeadlineAt?.getTime() ?? Infinity);
  const first = Math.min(...deadlines);
  return Number.isFinite(first) ? new Date(first).toISOString() : null;
}
