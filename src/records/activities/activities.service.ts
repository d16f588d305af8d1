import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { databaseNow } from '../../database/database-clock.js';
import type { PageQuery } from '../../http/page.dto.js';
import { Course } from '../courses/course.entity.js';
import { byCode, keysetPage } from '../keyset-page.js';
import { noSuch } from '../no-such.js';
import { activityFor } from '../references.js';
import { inTransaction } from '../transaction.js';
import { unprocessable } from '../unprocessable.js';
import { change, wrote } from '../write-effect.js';
import {
  ActivityDto,
  type ActivityPage,
  type ChangeActivityDto,
  type CreateActivityDto,
} from './activity.dto.js';
import { Activity } from './activity.entity.js';

/** What an import would else know better, where a file of it was corrected. */
const terms: ReadonlySet<string> = new Set<keyof Activity>(['weight', 'opensAt', 'dueAt']);

/** Pieces of work. Students see only what is published. */
@Injectable()
export class ActivitiesService {
  constructor(private readonly dataSource: DataSource) {}

  async create(manager: EntityManager, courseCode: string, dto: CreateActivityDto): Promise<ActivityDto> {
    const course = await this.#courseOf(manager, courseCode);
    const activity = manager.create(Activity, {
      code: dto.activity_id,
      courseId: course.id,
      course,
      title: dto.title,
      kind: dto.kind,
      status: dto.status ?? 'draft',
      points: dto.points ?? 100,
      weight: dto.weight ?? 1,
      opensAt: moment(dto.opens_at) ?? null,
      dueAt: moment(dto.due_at) ?? null,
      isRequired: dto.is_required ?? true,
    });
    checkDates(activity);
    return wrote(ActivityDto.of(await manager.save(activity)));
  }

  async list(principal: Principal, courseCode: string, page: PageQuery): Promise<ActivityPage> {
    const course = await this.#courseOf(this.dataSource.manager, courseCode);
    const activities = this.dataSource.manager
      .createQueryBuilder(Activity, 'activity')
      .innerJoinAndSelect('activity.course', 'course')
      .where('activity.courseId = :courseId', { courseId: course.id });
    if (principal.role === 'student') activities.andWhere(`activity.status = 'published'`);
    const { rows, next_cursor } = await keysetPage(
      activities,
      page,
      byCode(`activities/${course.code}`, 'activity'),
    );
    return { data: rows.map((row) => ActivityDto.of(row)), next_cursor };
  }

  async get(principal: Principal, code: string): Promise<ActivityDto> {
    const activity = await activityFor(this.dataSource.manager, principal, code);
    return ActivityDto.of(activity ?? noSuch('activity'));
  }

  change(code: string, dto: ChangeActivityDto): Promise<ActivityDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const activity = await manager.findOne(Activity, {
        where: { code },
        relations: { course: true },
        lock: { mode: 'for_no_key_update', tables: ['activities'] },
      });
      if (!activity) return noSuch('activity');
      if (dto.status === 'draft' && activity.status !== 'draft') {
        unprocessable('status', 'order', 'what was published cannot become a draft again');
      }
      const changed = change(activity, {
        title: dto.title,
        status: dto.status,
        weight: dto.weight,
        opensAt: moment(dto.opens_at),
        dueAt: moment(dto.due_at),
        isRequired: dto.is_required,
      });
      if (changed.length === 0) return ActivityDto.of(activity);
      checkDates(activity);
      if (changed.some((column) => terms.has(column))) activity.termsToldAt = await databaseNow(manager);
      await manager.save(activity);
      return wrote(ActivityDto.of(activity), { changed });
    });
  }

  async #courseOf(manager: EntityManager, code: string): Promise<Course> {
    const course = await manager.findOneBy(Course, { code });
    if (!course) noSuch('course');
    return course;
  }
}

function moment(text: string | null | undefined): Date | null | undefined {
  return typeof text === 'string' ? new Date(text) : text;
}

function checkDates({ opensAt, dueAt }: Activity): void {
  if (opensAt && dueAt && dueAt <= opensAt) unprocessable('due_at', 'order', 'must lie after opens_at');
}
