import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { databaseNow } from '../../database/database-clock.js';
import type { PageQuery } from '../../http/page.dto.js';
import { byCode, keysetPage } from '../keyset-page.js';
import { noSuch } from '../no-such.js';
import { inTransaction } from '../transaction.js';
import { unprocessable } from '../unprocessable.js';
import { onlyOwnCourses } from '../visible-courses.js';
import { change, wrote } from '../write-effect.js';
import { CourseDto, type ChangeCourseDto, type CoursePage, type CreateCourseDto } from './course.dto.js';
import { Course } from './course.entity.js';

@Injectable()
export class CoursesService {
  constructor(private readonly dataSource: DataSource) {}

  async create(manager: EntityManager, dto: CreateCourseDto): Promise<CourseDto> {
    const course = manager.create(Course, {
      code: dto.course_id,
      name: dto.name,
      startsAt: new Date(dto.starts_at),
      endsAt: new Date(dto.ends_at),
      passMark: dto.pass_mark ?? 60,
    });
    checkDates(course);
    return wrote(CourseDto.of(await manager.save(course)));
  }

  async list(principal: Principal, page: PageQuery): Promise<CoursePage> {
    const courses = this.dataSource.manager.createQueryBuilder(Course, 'course');
    onlyOwnCourses(courses, principal, 'course.id');
    const { rows, next_cursor } = await keysetPage(courses, page, byCode('courses', 'course'));
    return { data: rows.map((row) => CourseDto.of(row)), next_cursor };
  }

  async get(code: string): Promise<CourseDto> {
    return CourseDto.of((await this.dataSource.manager.findOneBy(Course, { code })) ?? noSuch('course'));
  }

  change(code: string, dto: ChangeCourseDto): Promise<CourseDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const course = await manager.findOne(Course, { where: { code }, lock: { mode: 'for_no_key_update' } });
      if (!course) return noSuch('course');
      const changed = change(course, {
        name: dto.name,
        startsAt: dto.starts_at === undefined ? undefined : new Date(dto.starts_at),
        endsAt: dto.ends_at === undefined ? undefined : new Date(dto.ends_at),
        passMark: dto.pass_mark,
      });
      if (changed.length === 0) return CourseDto.of(course);
      checkDates(course);
      if (changed.includes('endsAt')) course.endToldAt = await databaseNow(manager);
      await manager.save(course);
      return wrote(CourseDto.of(course), { changed });
    });
  }
}

function checkDates({ startsAt, endsAt }: Course): void {
  if (endsAt <= startsAt) unprocessable('ends_at', 'order', 'must lie after starts_at');
}
