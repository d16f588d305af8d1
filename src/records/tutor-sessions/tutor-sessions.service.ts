import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { databaseNow } from '../../database/database-clock.js';
import { Problem } from '../../http/problem.js';
import { findUnique } from '../find-unique.js';
import { clockSkewMs, momentTold, mustFollowEnrollment, pastMoment } from '../moments.js';
import { noSuch } from '../no-such.js';
import { activeEnrollment, activityNamedBy, courseNamedBy, userNamedBy } from '../references.js';
import { inTransaction } from '../transaction.js';
import { unprocessable } from '../unprocessable.js';
import { wrote } from '../write-effect.js';
import { TutorSessionDto, type CreateTutorSessionDto, type EndTutorSessionDto } from './tutor-session.dto.js';
import { TutorSession } from './tutor-session.entity.js';

/** Conversations with the AI tutor. */
@Injectable()
export class TutorSessionsService {
  constructor(private readonly dataSource: DataSource) {}

  async start(
    manager: EntityManager,
    principal: Principal,
    dto: CreateTutorSessionDto,
  ): Promise<TutorSessionDto> {
    const known = await this.#known(manager, dto);
    if (known) return known;

    const user = await userNamedBy(manager, 'student_id', dto.student_id);
    const course = await courseNamedBy(manager, 'course_id', dto.course_id);
    const activity = dto.activity_id
      ? await activityNamedBy(manager, principal, 'activity_id', dto.activity_id)
      : null;
    if (activity && activity.courseId !== course.id) {
      unprocessable('activity_id', 'unknown', 'no activity of this course');
    }
    await activeEnrollment(manager, 'student_id', user, course);
    const knownMeanwhile = await this.#known(manager, dto);
    if (knownMeanwhile) return knownMeanwhile;

    const startedAt = await momentTold(manager, 'started_at', dto.started_at);
    if (principal.role === 'student') await mustFollowEnrollment(manager, 'started_at', startedAt, dto);
    const session = manager.create(TutorSession, {
      code: dto.session_id ?? `S-${randomUUID()}`,
      userId: user.id,
      user,
      courseId: course.id,
      course,
      activityId: activity?.id ?? null,
      activity,
      mode: dto.mode ?? 'tutor',
      startedAt,
      lastEventAt: startedAt,
      clientId: dto.client_id?.toLowerCase() ?? null,
    });
    const isFirstTrace = course.firstTraceAt === null || startedAt < course.firstTraceAt;
    return wrote(TutorSessionDto.of(await manager.save(session)), {
      changed: isFirstTrace ? ['firstTraceAt'] : [],
    });
  }

  async get(code: string): Promise<TutorSessionDto> {
    const session = await findSession(this.dataSource.manager, { code });
    if (!session) noSuch('session');
    return TutorSessionDto.of(session);
  }

  end(code: string, dto: EndTutorSessionDto): Promise<TutorSessionDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const session = await lockedSession(manager, code);
      const told = dto.ended_at === undefined ? undefined : pastMoment('ended_at', dto.ended_at);
      const given = told && endOf(session, told);
      if (session.endedAt) {
        if (told && given?.getTime() !== session.endedAt.getTime()) {
          throw new Problem('conflict', 'The session ended already, at another time.');
        }
        return TutorSessionDto.of(session);
      }
      if (told && !given) unprocessable('ended_at', 'order', 'must not lie before last_event_at');
      // A client whose clock runs ahead may have begun or spoken in our future.
      session.endedAt = given ?? later(await databaseNow(manager), session.lastEventAt);
      await manager.save(session);
      return wrote(TutorSessionDto.of(session), { changed: ['endedAt'] });
    });
  }

  /** The session that this `client_id` began already; 409 if that was another one. */
  async #known(manager: EntityManager, dto: CreateTutorSessionDto): Promise<TutorSessionDto | undefined> {
    if (dto.client_id === undefined) return undefined;
    const session = await findSession(manager, { clientId: dto.client_id });
    if (!session) return undefined;
    const isSame =
      session.user.code === dto.student_id &&
      session.course.code === dto.course_id &&
      (session.activity?.code ?? null) === (dto.activity_id ?? null) &&
      session.mode === (dto.mode ?? 'tutor') &&
      (dto.session_id === undefined || session.code === dto.session_id) &&
      (dto.started_at === undefined || session.startedAt.getTime() === Date.parse(dto.started_at));
    if (!isSame) throw new Problem('conflict', 'This client_id belongs to another session.');
    return TutorSessionDto.of(session);
  }
}

/** The session of this code, locked until the transaction ends. To that of who is deleted nothing is added. */
export async function lockedSession(manager: EntityManager, code: string): Promise<TutorSession> {
  const session = await manager.findOne(TutorSession, {
    where: { code },
    relations: { user: true, course: true, activity: true },
    lock: { mode: 'for_no_key_update', tables: ['tutor_sessions'] },
  });
  if (session?.user.deletedAt !== null) noSuch('session');
  return session;
}

function findSession(manager: EntityManager, where: FindOptionsWhere<TutorSession>) {
  return findUnique(manager, TutorSession, {
    where,
    relations: { user: true, course: true, activity: true },
  });
}

function later(one: Date, other: Date): Date {
  return one > other ? one : other;
}

/**
 * The end as it is told, not before what was last said: the clock of who tells it may be behind, but by minutes at most.
 *
 * @returns `undefined` for a time before that
 */
function endOf({ lastEventAt }: TutorSession, told: Date): Date | undefined {
  if (told >= lastEventAt) return told;
  return lastEventAt.getTime() - told.getTime() <= clockSkewMs ? lastEventAt : undefined;
}
