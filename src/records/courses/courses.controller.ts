import { Body, Controller, Get, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { CurrentPrincipal } from '../../access/current-principal.decorator.js';
import type { Principal } from '../../access/principal.js';
import { InvalidateCache } from '../../cache/index.js';
import { PageQuery } from '../../http/page.dto.js';
import { BodyExample } from '../../http/body-example.decorator.js';
import { Paged } from '../../http/paged.decorator.js';
import { Created } from '../created.decorator.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Idempotent, Posted, PostedRequest } from '../idempotency/idempotent.decorator.js';
import { CourseId } from '../path-ids.js';
import { ifWritten } from '../write-effect.js';
import { ChangeCourseDto, CourseDto, CoursePage, CreateCourseDto } from './course.dto.js';
import { CoursesService } from './courses.service.js';

@ApiTags('courses')
@Controller('courses')
export class CoursesController {
  constructor(
    private readonly courses: CoursesService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Adds a course. */
  @Post()
  @Access({ admin: 'all' })
  @Idempotent()
  @Created(CourseDto, ({ course_id }) => `/api/v3/courses/${course_id}`)
  @InvalidateCache<CoursesController['create']>({
    tags: (_, course) => ifWritten(course, () => ['system']),
    families: ['system'],
  })
  create(@Body() body: CreateCourseDto, @Posted() request: PostedRequest): Promise<CourseDto> {
    return this.idempotency.run(request, (manager) => this.courses.create(manager, body));
  }

  /** Lists courses by id: a teacher's and a student's own, all for others. */
  @Get()
  @Access({ admin: 'all', service: 'all', teacher: 'listed', student: 'listed' })
  @Paged()
  list(@CurrentPrincipal() principal: Principal, @Query() page: PageQuery): Promise<CoursePage> {
    return this.courses.list(principal, page);
  }

  /** Shows one course. */
  @Get(':course_id')
  @Access({ admin: 'all', service: 'all', teacher: 'own', student: 'own' })
  get(@CourseId() courseId: string): Promise<CourseDto> {
    return this.courses.get(courseId);
  }

  /** Changes the dates, the pass mark or the name of a course. */
  @Patch(':course_id')
  @BodyExample(ChangeCourseDto, { name: 'Programming 101' })
  @Access({ admin: 'all', teacher: 'own' })
  // Who was in the course to its end is in it again when that is moved: what is kept of them has no tag of it.
  @InvalidateCache<CoursesController['change']>({
    tags: (_, course) =>
      ifWritten(course, ({ changed }) => [
        `course:${course.course_id}`,
        ...(changed.some((column) => column !== 'name') ? [`roster:${course.course_id}`] : []),
        ...(changed.includes('endsAt') ? ['student_risk:*', 'student_risk_at:*', 'rights_person:*'] : []),
      ]),
    families: ['course', 'roster', 'student_risk', 'student_risk_at', 'rights_person'],
  })
  change(@CourseId() courseId: string, @Body() body: ChangeCourseDto): Promise<CourseDto> {
    return this.courses.change(courseId, body);
  }
}
