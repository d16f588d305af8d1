import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { Problem } from '../../http/problem.js';
import { Activity } from '../activities/activity.entity.js';
import { findUnique } from '../find-unique.js';
import { keysetPage } from '../keyset-page.js';
import { momentTold } from '../moments.js';
import { noSuch } from '../no-such.js';
import { isRowId, largestRowId } from '../public-id.js';
import { activeEnrollment, activityNamedBy, userNamedBy } from '../references.js';
import { inTransaction } from '../transaction.js';
import { unprocessable } from '../unprocessable.js';
import type { User } from '../users/user.entity.js';
import { onlyOwnCourses, onlyOwnRows } from '../visible-courses.js';
import { wrote } from '../write-effect.js';
import { mustMatch } from './entity-tag.js';
import {
  SubmissionDto,
  type CreateSubmissionDto,
  type SubmissionPage,
  type SubmissionQuery,
} from './submission.dto.js';
import { Submission } from './submission.entity.js';

/** Attempts: handed in, listed, declared void. */
@Injectable()
export class SubmissionsService {
  constructor(private readonly dataSource: DataSource) {}

  async create(
    manager: EntityManager,
    principal: Principal,
    dto: CreateSubmissionDto,
  ): Promise<SubmissionDto> {
    if (principal.role === 'student' && dto.submitted_at !== undefined) {
      throw new Problem('forbidden', 'The time at which a student hands in is ours to say.');
    }
    const known = await this.#known(manager, dto);
    if (known) return known;

    const user = await userNamedBy(manager, 'student_id', dto.student_id);
    const activity = await activityNamedBy(manager, principal, 'activity_id', dto.activity_id);
    await activeEnrollment(manager, 'student_id', user, activity.course);
    const knownMeanwhile = await this.#known(manager, dto);
    if (knownMeanwhile) return knownMeanwhile;

    const submittedAt = await momentTold(manager, 'submitted_at', dto.submitted_at);
    mustBeOpen(activity, submittedAt);
    const submission = manager.create(Submission, {
      userId: user.id,
      user,
      activityId: activity.id,
      activity,
      attemptNo: await this.#supersede(manager, user, activity),
      submittedAt,
      dueAtEffective: activity.dueAt,
      clientId: dto.client_id?.toLowerCase() ?? null,
    });
    return wrote(SubmissionDto.of(await manager.save(submission)));
  }

  async list(principal: Principal, query: SubmissionQuery): Promise<SubmissionPage> {
    const submissions = this.dataSource.manager
      .createQueryBuilder(Submission, 'submission')
      .innerJoinAndSelect('submission.user', 'user')
      .innerJoinAndSelect('submission.activity', 'activity')
      .innerJoinAndSelect('activity.course', 'course')
      .where('user.deletedAt IS NULL');
    if (query.course_id !== undefined)
      submissions.andWhere('course.code = :course', { course: query.course_id });
    if (query.student_id !== undefined) submissions.andWhere('user.code = :user', { user: query.student_id });
    if (query.activity_id !== undefined) {
      submissions.andWhere('activity.code = :activity', { activity: query.activity_id });
    }
    onlyOwnRows(submissions, principal, { course: 'activity.courseId', userCode: 'user.code' });
    const isOfSomebody = query.student_id !== undefined || principal.role === 'student';
    const isOfSome =
      query.course_id !== undefined || query.activity_id !== undefined || principal.role === 'teacher';
    const { rows, next_cursor } = await keysetPage(submissions, query, {
      list: 'submissions',
      columns: ['submission.submittedAt', 'submission.id'],
      direction: 'DESC',
      of: ({ id }) => id,
      isKey: isRowId,
      pageSql: isOfSome && !isOfSomebody ? newestOf(this.#activities(principal, query)) : undefined,
    });
    return { data: rows.map((row) => SubmissionDto.of(row)), next_cursor };
  }

  async get(id: string): Promise<SubmissionDto> {
    const submission = await findSubmission(this.dataSource.manager, { id });
    if (!submission) noSuch('submission');
    return SubmissionDto.of(submission);
  }

  /**
   * The last attempt that is not void becomes the one that counts.
   *
   * @param ifMatch  header of the request: the state that the caller has seen; any, where it is not told
   */
  void(id: string, principal: Principal, ifMatch: string | undefined): Promise<SubmissionDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const submission = await lockedSubmission(manager, id);
      mustBeOfAnother(submission, principal);
      mustMatch(ifMatch, SubmissionDto.of(submission));
      if (submission.status === 'voided') return SubmissionDto.of(submission);
      submission.status = 'voided';
      submission.isFinal = false;
      await manager.save(submission);
      await manager.query(
        `UPDATE submissions SET is_final = (attempt_no = (
           SELECT max(attempt_no) FROM submissions
           WHERE user_id = $1 AND activity_id = $2 AND status <> 'voided'))
         WHERE user_id = $1 AND activity_id = $2 AND status <> 'voided'`,
        [submission.userId, submission.activityId],
      );
      return wrote(SubmissionDto.of(submission), { changed: ['status'] });
    });
  }

  /** SQL: the ids of the activities whose submissions are listed; its parameters are those of the list. */
  #activities(principal: Principal, query: SubmissionQuery): string {
    const activities = this.dataSource.manager
      .createQueryBuilder(Activity, 'listed')
      .select('listed.id', 'id')
      .innerJoin('listed.course', 'of_course');
    if (query.course_id !== undefined) activities.andWhere('of_course.code = :course');
    if (query.activity_id !== undefined) activities.andWhere('listed.code = :activity');
    onlyOwnCourses(activities, principal, 'listed.courseId');
    return activities.getQuery();
  }

  async #known(manager: EntityManager, dto: CreateSubmissionDto): Promise<SubmissionDto | undefined> {
    if (dto.client_id === undefined) return undefined;
    const submission = await findSubmission(manager, { clientId: dto.client_id });
    if (!submission) return undefined;
    const isSame =
      submission.user.code === dto.student_id &&
      submission.activity.code === dto.activity_id &&
      (dto.submitted_at === undefined || submission.submittedAt.getTime() === Date.parse(dto.submitted_at));
    if (!isSame) throw new Problem('conflict', 'This client_id belongs to another submission.');
    return SubmissionDto.of(submission);
  }

  /** Earlier attempts stop counting. Answers the number of the new one; the student's enrollment is locked. */
  async #supersede(manager: EntityManager, user: User, activity: Activity): Promise<number> {
    await manager.query(
      'UPDATE submissions SET is_final = false WHERE user_id = $1 AND activity_id = $2 AND is_final',
      [user.id, activity.id],
    );
    const [last] = await manager.query<{ attempt_no: number }[]>(
      `SELECT coalesce(max(attempt_no), 0) AS attempt_no FROM submissions WHERE user_id = $1 AND activity_id = $2`,
      [user.id, activity.id],
    );
    return (last?.attempt_no ?? 0) + 1;
  }
}

/**
 * SQL: the newest submissions, from the newest of each activity. A range of activities instead of the one, since a walk
 * through all submissions has the order of their times as well, but not this one.
 */
const newestOf =
  (activities: string) =>
  (last: readonly string[] = [`'infinity'`, `${largestRowId}`]): string =>
    `SELECT newest.id FROM (${activities}) AS listed CROSS JOIN LATERAL (
       SELECT s.submitted_at, s.id FROM submissions s JOIN users u ON u.id = s.user_id
       WHERE s.activity_id >= listed.id AND (s.activity_id, s.submitted_at, s.id) < (listed.id, ${last.join(', ')})
         AND u.deleted_at IS NULL
       ORDER BY s.activity_id DESC, s.submitted_at DESC, s.id DESC LIMIT :most
     ) AS newest
     ORDER BY newest.submitted_at DESC, newest.id DESC LIMIT :most`;

/**
 * One submission, locked until the transaction ends. The attempts of a student at an activity change one after the
 * other, so the lock is on the enrollment first, as when an attempt is handed in. Nobody judges the work of who is deleted.
 */
export async function lockedSubmission(manager: EntityManager, id: string): Promise<Submission> {
  await manager.query(
    `SELECT e.id FROM enrollments e
     JOIN activities a ON a.course_id = e.course_id
     JOIN submissions s ON s.activity_id = a.id AND s.user_id = e.user_id
     WHERE s.id = $1 AND e.role = 'student' FOR NO KEY UPDATE OF e`,
    [id],
  );
  const submission = await manager.findOne(Submission, {
    where: { id },
    relations,
    lock: { mode: 'for_no_key_update', tables: ['submissions'] },
  });
  if (submission?.user.deletedAt !== null) noSuch('submission');
  return submission;
}

/** Who teaches one course and learns in it too, or did once, does not judge their own work. */
export function mustBeOfAnother({ user }: Submission, { role, sub }: Principal): void {
  if (role === 'teacher' && user.code === sub) {
    throw new Problem('forbidden', 'Nobody judges their own work.');
  }
}

const relations = { user: true, activity: { course: true } } as const;

function findSubmission(manager: EntityManager, where: FindOptionsWhere<Submission>) {
  return findUnique(manager, Submission, { where, relations });
}

function mustBeOpen(activity: Activity, submittedAt: Date): void {
  if (activity.status !== 'published')
    unprocessable('activity_id', 'closed', 'the activity is not published');
  if (activity.opensAt && submittedAt < activity.opensAt) {
    unprocessable('activity_id', 'closed', 'the activity was not open then');
  }
}
