import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { databaseNow } from '../../database/database-clock.js';
import { Problem } from '../../http/problem.js';
import { Course } from '../courses/course.entity.js';
import { findUnique } from '../find-unique.js';
import { keysetPage } from '../keyset-page.js';
import { clockSkewMs, momentSoFar } from '../moments.js';
import { noSuch } from '../no-such.js';
import { isRowId } from '../public-id.js';
import { courseNamedBy, userNamedBy } from '../references.js';
import { inTransaction } from '../transaction.js';
import { unknown, unprocessable } from '../unprocessable.js';
import { onlyOwnCourses, onlyOwnRows } from '../visible-courses.js';
import { change, wrote } from '../write-effect.js';
import {
  EnrollmentDto,
  type ChangeEnrollmentDto,
  type CreateEnrollmentDto,
  type EnrollmentPage,
  type EnrollmentQuery,
} from './enrollment.dto.js';
import {
  Enrollment,
  type EnrollmentRole,
  type EnrollmentStatus,
  type FinalResult,
} from './enrollment.entity.js';

const resultsOf: Record<EnrollmentStatus, readonly FinalResult[]> = {
  active: [],
  completed: ['pass', 'distinction'],
  failed: ['fail'],
  dropped: ['withdrawn'],
};

type StaffRole = 'teacher' | 'ta';

/** Whose enrollments those who teach a course make and change: an assistant those of students only. */
const inChargeOf: Record<StaffRole, readonly EnrollmentRole[]> = {
  teacher: ['student', 'ta', 'observer'],
  ta: ['student'],
};

/** Who is what in which course. */
@Injectable()
export class EnrollmentsService {
  constructor(private readonly dataSource: DataSource) {}

  async create(
    manager: EntityManager,
    principal: Principal,
    dto: CreateEnrollmentDto,
  ): Promise<EnrollmentDto> {
    const role = dto.role ?? 'student';
    if (principal.role === 'teacher') {
      const own = (await this.#roleOfStaff(manager, principal, dto.course_id)) ?? noSuch('course');
      if (!inChargeOf[own].includes(role)) {
        throw new Problem(
          'forbidden',
          'Assistants enroll students only, and only an admin enrolls teachers.',
        );
      }
    }
    const user = await userNamedBy(manager, 'user_id', dto.user_id, { isLocked: true });
    // Whom a teacher has as a student is shown to them, with the address: nobody else is to be had that way.
    if (principal.role === 'teacher' && role === 'student' && user.role !== 'student') {
      unknown('user_id', 'no such user');
    }
    const course = await courseNamedBy(manager, 'course_id', dto.course_id);
    const enrollment = manager.create(Enrollment, {
      userId: user.id,
      user,
      courseId: course.id,
      course,
      role,
      enrolledAt: await momentSoFar(manager, 'enrolled_at', dto.enrolled_at),
    });
    return wrote(EnrollmentDto.of(await manager.save(enrollment)));
  }

  async list(principal: Principal, query: EnrollmentQuery): Promise<EnrollmentPage> {
    const enrollments = this.dataSource.manager
      .createQueryBuilder(Enrollment, 'enrollment')
      .innerJoinAndSelect('enrollment.user', 'user')
      .innerJoinAndSelect('enrollment.course', 'course')
      .where('user.deletedAt IS NULL');
    if (query.course_id !== undefined)
      enrollments.andWhere('course.code = :course', { course: query.course_id });
    if (query.user_id !== undefined) enrollments.andWhere('user.code = :user', { user: query.user_id });
    onlyOwnRows(enrollments, principal, { course: 'enrollment.courseId', userCode: 'user.code' });
    const isOfSomebody = query.user_id !== undefined || principal.role === 'student';
    const isOfSome = query.course_id !== undefined || principal.role === 'teacher';
    const { rows, next_cursor } = await keysetPage(enrollments, query, {
      list: 'enrollments',
      columns: ['enrollment.enrolledAt', 'enrollment.id'],
      direction: 'ASC',
      of: ({ id }) => id,
      isKey: isRowId,
      pageSql: isOfSome && !isOfSomebody ? firstOf(this.#courses(principal, query)) : undefined,
    });
    return { data: rows.map((row) => EnrollmentDto.of(row)), next_cursor };
  }

  async get(id: string): Promise<EnrollmentDto> {
    const enrollment = await findUnique(this.dataSource.manager, Enrollment, {
      where: { id },
      relations: { user: true, course: true },
    });
    return EnrollmentDto.of(enrollment ?? noSuch('enrollment'));
  }

  change(id: string, principal: Principal, dto: ChangeEnrollmentDto): Promise<EnrollmentDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const enrollment = await manager.findOne(Enrollment, {
        where: { id },
        relations: { user: true, course: true },
        lock: { mode: 'for_no_key_update', tables: ['enrollments'] },
      });
      if (enrollment?.user.deletedAt !== null) return noSuch('enrollment');
      if (principal.role === 'teacher') {
        const own =
          (await this.#roleOfStaff(manager, principal, enrollment.course.code)) ?? noSuch('enrollment');
        if (enrollment.user.code === principal.sub || !inChargeOf[own].includes(enrollment.role)) {
          throw new Problem(
            'forbidden',
            'Assistants change enrollments of students only, and only an admin those of teachers and your own.',
          );
        }
      }
      const changed = change(enrollment, await after(manager, enrollment, dto));
      const isNews = changed.length > 0 || (tellsSomething(dto) && enrollment.endToldAt === null);
      if (!isNews) return EnrollmentDto.of(enrollment);
      enrollment.endToldAt = await databaseNow(manager);
      await manager.save(enrollment);
      const answer = EnrollmentDto.of(enrollment);
      return changed.length > 0 ? wrote(answer, { changed }) : answer;
    });
  }

  /** SQL: the ids of the courses whose enrollments are listed; its parameters are those of the list. */
  #courses(principal: Principal, query: EnrollmentQuery): string {
    const courses = this.dataSource.manager.createQueryBuilder(Course, 'listed').select('listed.id', 'id');
    if (query.course_id !== undefined) courses.andWhere('listed.code = :course');
    onlyOwnCourses(courses, principal, 'listed.id');
    return courses.getQuery();
  }

  /**
   * What the caller is in a course, if they teach it. The guard cannot ask for `own` when somebody is enrolled, who does not
   * belong to the teacher yet, and does not tell assistants from teachers.
   */
  async #roleOfStaff(
    manager: EntityManager,
    { sub }: Principal,
    courseCode: string,
  ): Promise<StaffRole | undefined> {
    const taught = await manager
      .createQueryBuilder(Enrollment, 'enrollment')
      .innerJoin('enrollment.user', 'user', 'user.code = :sub AND user.deletedAt IS NULL', { sub })
      .innerJoin('enrollment.course', 'course', 'course.code = :courseCode', { courseCode })
      .where(`enrollment.role IN ('teacher', 'ta') AND enrollment.status = 'active'`)
      .getMany();
    const roles = taught.map(({ role }) => role);
    return roles.includes('teacher') ? 'teacher' : roles.includes('ta') ? 'ta' : undefined;
  }
}

/**
 * SQL: the first enrollments, from the first of each course. A range of courses instead of the one, since a walk through all
 * enrollments has the order of their times as well, but not this one.
 */
const firstOf =
  (courses: string) =>
  (last: readonly string[] = [`'-infinity'`, '0']): string =>
    `SELECT first.id FROM (${courses}) AS listed CROSS JOIN LATERAL (
       SELECT e.enrolled_at, e.id FROM enrollments e JOIN users u ON u.id = e.user_id
       WHERE e.course_id <= listed.id AND (e.course_id, e.enrolled_at, e.id) > (listed.id, ${last.join(', ')})
         AND u.deleted_at IS NULL
       ORDER BY e.course_id, e.enrolled_at, e.id LIMIT :most
     ) AS first
     ORDER BY first.enrolled_at, first.id LIMIT :most`;

/** Whoever says what is so already keeps an import from saying otherwise. */
function tellsSomething({ status, final_result, ended_at }: ChangeEnrollmentDto): boolean {
  return status !== undefined || final_result !== undefined || ended_at !== undefined;
}

/** The columns as the change leaves them, checked against each other. */
async function after(
  manager: EntityManager,
  enrollment: Enrollment,
  dto: ChangeEnrollmentDto,
): Promise<Partial<Enrollment>> {
  const status = dto.status ?? enrollment.status;
  if (status === 'active') {
    if (dto.ended_at !== undefined) unprocessable('ended_at', 'order', 'an active enrollment has not ended');
    if (dto.final_result) unprocessable('final_result', 'order', 'an active enrollment has no result');
    return { status, endedAt: null, finalResult: null };
  }
  const endedAt = await endOf(manager, enrollment, status, dto.ended_at);
  if (endedAt && endedAt < enrollment.enrolledAt) {
    unprocessable('ended_at', 'order', 'must not lie before enrolled_at');
  }
  const kept = status === enrollment.status ? enrollment.finalResult : null;
  const finalResult = dto.final_result === undefined ? kept : dto.final_result;
  if (finalResult && !resultsOf[status].includes(finalResult)) {
    unprocessable('final_result', 'order', `does not go with the status ${status}`);
  }
  return { status, endedAt, finalResult };
}

function endOf(
  manager: EntityManager,
  enrollment: Enrollment,
  status: EnrollmentStatus,
  told: string | undefined,
): Promise<Date | null> {
  return told === undefined ? endUntold(manager, enrollment, status) : endTold(manager, enrollment, told);
}

/** One that was told from ahead was taken for now, and still is when it is told again. */
async function endTold(manager: EntityManager, { endedAt }: Enrollment, told: string): Promise<Date> {
  const moment = await momentSoFar(manager, 'ended_at', told);
  const isAhead = moment.getTime() < Date.parse(told);
  return isAhead && endedAt && moment.getTime() - endedAt.getTime() <= clockSkewMs ? endedAt : moment;
}

/**
 * When it did end, or now. One without a date ended with its course; once dropped it would count as never active, so it is
 * given that date, or now.
 */
async function endUntold(
  manager: EntityManager,
  { status: before, enrolledAt, endedAt, course }: Enrollment,
  status: EnrollmentStatus,
): Promise<Date | null> {
  const hasEnded = before !== 'active';
  const wouldVanish = endedAt === null && before !== 'dropped' && status === 'dropped';
  if (hasEnded && !wouldVanish) return endedAt;
  const now = await databaseNow(manager);
  const end = hasEnded && course.endsAt < now ? course.endsAt : now;
  // One that was to begin later, as an import may have it, has no time at all.
  return end < enrolledAt ? enrolledAt : end;
}
