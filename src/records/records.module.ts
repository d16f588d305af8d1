import { Module, type NestModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { ActivitiesController } from './activities/activities.controller.js';
import { ActivitiesService } from './activities/activities.service.js';
import { CoursesController } from './courses/courses.controller.js';
import { CoursesService } from './courses/courses.service.js';
import { EnrollmentsController } from './enrollments/enrollments.controller.js';
import { EnrollmentsService } from './enrollments/enrollments.service.js';
import { EventBatchService } from './events/event-batch.service.js';
import { EventWriter } from './events/event-writer.js';
import { EventsController } from './events/events.controller.js';
import { EventsService } from './events/events.service.js';
import { acceptNdjson } from './events/ndjson-body.js';
import { IdempotencyService } from './idempotency/idempotency.service.js';
import { GradesService } from './submissions/grades.service.js';
import { SubmissionsController } from './submissions/submissions.controller.js';
import { SubmissionsService } from './submissions/submissions.service.js';
import { TutorMessagesService } from './tutor-sessions/tutor-messages.service.js';
import { TutorSessionsController } from './tutor-sessions/tutor-sessions.controller.js';
import { TutorSessionsService } from './tutor-sessions/tutor-sessions.service.js';
import { UsersController } from './users/users.controller.js';
import { UsersService } from './users/users.service.js';

/** Everything that is written, one folder a record. Wants a `DataSource` and a `CacheService` made global. */
@Module({
  controllers: [
    UsersController,
    CoursesController,
    ActivitiesController,
    EnrollmentsController,
    TutorSessionsController,
    SubmissionsController,
    EventsController,
  ],
  providers: [
    IdempotencyService,
    UsersService,
    CoursesService,
    ActivitiesService,
    EnrollmentsService,
    TutorSessionsService,
    TutorMessagesService,
    SubmissionsService,
    GradesService,
    EventsService,
    EventBatchService,
    EventWriter,
  ],
})
export class RecordsModule implements NestModule {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  configure(): void {
    acceptNdjson(this.host.httpAdapter.getInstance());
  }
}
