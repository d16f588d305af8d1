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
import { ActivityId, CourseId } from '../path-ids.js';
import { ifWritten } from '../write-effect.js';
import { ActivitiesService } from './activities.service.js';
import { ActivityDto, ActivityPage, ChangeActivityDto, CreateActivityDto } from './activity.dto.js';

/** No view of a course or a student knows of it, and what was published cannot become one again. */
const isDraft = ({ status }: ActivityDto) => status === 'draft';

@ApiTags('activities')
@Controller()
export class ActivitiesController {
  constructor(
    private readonly activities: ActivitiesService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Adds a piece of work to a course. */
  @Post('courses/:course_id/activities')
  @BodyExample(CreateActivityDto, {
    activity_id: 'PROG-101-B01',
    title: 'Loops',
    kind: 'exercise',
    status: 'published',
  })
  @Access({ admin: 'all', teacher: 'own' }, { creates: 'activity_id' })
  @Idempotent()
  @Created(ActivityDto, ({ activity_id }) => `/api/v3/activities/${activity_id}`)
  @InvalidateCache<ActivitiesController['create']>({
    tags: (_, activity) =>
      ifWritten(activity, () => [
        `activity:${activity.activity_id}`,
        ...(isDraft(activity) ? [] : [`course:${activity.course_id}`, `roster:${activity.course_id}`]),
      ]),
    families: ['course', 'activity', 'roster'],
  })
  create(
    @CourseId() courseId: string,
    @Body() body: CreateActivityDto,
    @Posted() request: PostedRequest,
  ): Promise<ActivityDto> {
    return this.idempotency.run(request, (manager) => this.activities.create(manager, courseId, body));
  }

  /** Lists the activities of a course by id; students see those that are published. */
  @Get('courses/:course_id/activities')
  @Access({ admin: 'all', service: 'all', teacher: 'own', student: 'own' })
  @Paged()
  list(
    @CurrentPrincipal() principal: Principal,
    @CourseId() courseId: string,
    @Query() page: PageQuery,
  ): Promise<ActivityPage> {
    return this.activities.list(principal, courseId, page);
  }

  /** Shows one activity; to students, if it is published. */
  @Get('activities/:activity_id')
  @Access({ admin: 'all', service: 'all', teacher: 'own', student: 'own' })
  get(@CurrentPrincipal() principal: Principal, @ActivityId() activityId: string): Promise<ActivityDto> {
    return this.activities.get(principal, activityId);
  }

  /** Publishes or archives an activity, or changes its title, dates or weight. */
  @Patch('activities/:activity_id')
  @BodyExample(ChangeActivityDto, { title: 'Loops' })
  @Access({ admin: 'all', teacher: 'own' })
  @InvalidateCache<ActivitiesController['change']>({
    tags: (_, activity) =>
      ifWritten(activity, ({ changed }) => [
        `activity:${activity.activity_id}`,
        ...(isDraft(activity) ? [] : [`course:${activity.course_id}`]),
        ...(isDraft(activity) || changed.every((column) => column === 'title')
          ? []
          : [`roster:${activity.course_id}`]),
      ]),
    families: ['course', 'activity', 'roster'],
  })
  change(@ActivityId() activityId: string, @Body() body: ChangeActivityDto): Promise<ActivityDto> {
    return this.activities.change(activityId, body);
  }
}
