import { Body, Controller, Get, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { CurrentPrincipal } from '../../access/current-principal.decorator.js';
import type { Principal } from '../../access/principal.js';
import { InvalidateCache } from '../../cache/index.js';
import { BodyExample } from '../../http/body-example.decorator.js';
import { Paged } from '../../http/paged.decorator.js';
import { Created } from '../created.decorator.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Idempotent, Posted, PostedRequest } from '../idempotency/idempotent.decorator.js';
import { EnrollmentId } from '../path-ids.js';
import { ifWritten } from '../write-effect.js';
import {
  ChangeEnrollmentDto,
  CreateEnrollmentDto,
  EnrollmentDto,
  EnrollmentPage,
  EnrollmentQuery,
} from './enrollment.dto.js';
import { EnrollmentsService } from './enrollments.service.js';

/** Rights of whoever is enrolled depend on it, and of the views of the course those of its students. */
const staleAfter = (enrollment: EnrollmentDto) =>
  ifWritten(enrollment, () => [
    'system',
    `student:${enrollment.user_id}`,
    ...(enrollment.role === 'student' ? [`course:${enrollment.course_id}`] : []),
  ]);

@ApiTags('enrollments')
@Controller('enrollments')
export class EnrollmentsController {
  constructor(
    private readonly enrollments: EnrollmentsService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /**
   * Enrolls a person in a course. Teachers enroll anybody but teachers in the courses that they teach, assistants only
   * students there; only people who are students become students that way.
   */
  @Post()
  @BodyExample(CreateEnrollmentDto, { user_id: 'STU061', course_id: 'PROG-101' })
  @Access({ admin: 'all', teacher: 'listed' })
  @Idempotent()
  @Created(EnrollmentDto, ({ enrollment_id }) => `/api/v3/enrollments/${enrollment_id}`)
  @InvalidateCache<EnrollmentsController['create']>({
    tags: (_, enrollment) => staleAfter(enrollment),
    families: ['system', 'course', 'student'],
  })
  create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateEnrollmentDto,
    @Posted() request: PostedRequest,
  ): Promise<EnrollmentDto> {
    return this.idempotency.run(request, (manager) => this.enrollments.create(manager, principal, body));
  }

  /** Lists enrollments, those who joined first at the front: of a teacher's courses, of a student alone, all for admins. */
  @Get()
  @Access({ admin: 'all', teacher: 'listed', student: 'listed' })
  @Paged()
  list(@CurrentPrincipal() principal: Principal, @Query() query: EnrollmentQuery): Promise<EnrollmentPage> {
    return this.enrollments.list(principal, query);
  }

  /** Shows one enrollment. */
  @Get(':enrollment_id')
  @Access({ admin: 'all', teacher: 'own', student: 'own' })
  get(@EnrollmentId() enrollmentId: string): Promise<EnrollmentDto> {
    return this.enrollments.get(enrollmentId);
  }

  /**
   * Ends an enrollment, corrects how it ended, or takes it up again. Teachers do so for anybody but teachers and themselves,
   * assistants for students only.
   */
  @Patch(':enrollment_id')
  @BodyExample(ChangeEnrollmentDto, { status: 'active' })
  @Access({ admin: 'all', teacher: 'own' })
  @InvalidateCache<EnrollmentsController['change']>({
    tags: (_, enrollment) => staleAfter(enrollment),
    families: ['system', 'course', 'student'],
  })
  change(
    @EnrollmentId() enrollmentId: string,
    @CurrentPrincipal() principal: Principal,
    @Body() body: ChangeEnrollmentDto,
  ): Promise<EnrollmentDto> {
    return this.enrollments.change(enrollmentId, principal, body);
  }
}
