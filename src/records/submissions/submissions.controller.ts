import { Body, Controller, Get, Headers, HttpCode, HttpStatus, Post, Put, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiNotModifiedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../access/access.decorator.js';
import { CurrentPrincipal } from '../../access/current-principal.decorator.js';
import type { Principal } from '../../access/principal.js';
import { InvalidateCache } from '../../cache/index.js';
import { IfMatch } from '../../http/condition.guard.js';
import { BodyExample } from '../../http/body-example.decorator.js';
import { Paged } from '../../http/paged.decorator.js';
import { CreatedOrKnown } from '../created.decorator.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Idempotent, Posted, PostedRequest } from '../idempotency/idempotent.decorator.js';
import { SubmissionId } from '../path-ids.js';
import { ifWritten } from '../write-effect.js';
import { entityTag, isHeld, mustMatch } from './entity-tag.js';
import { GradesService } from './grades.service.js';
import {
  CreateSubmissionDto,
  GradeDto,
  SubmissionDto,
  SubmissionPage,
  SubmissionQuery,
} from './submission.dto.js';
import { SubmissionsService } from './submissions.service.js';

/** A submission changes the number of attempts; a grade does not. */
const staleAfterAttempt = (submission: SubmissionDto) =>
  ifWritten(submission, () => ['system', ...staleTags(submission)]);
const staleAfterGrade = (submission: SubmissionDto) => ifWritten(submission, () => staleTags(submission));

function staleTags({ course_id, student_id, activity_id }: SubmissionDto): string[] {
  return [`course:${course_id}`, `student:${student_id}`, `activity:${activity_id}`];
}

@ApiTags('submissions')
@Controller('submissions')
export class SubmissionsController {
  constructor(
    private readonly submissions: SubmissionsService,
    private readonly grades: GradesService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Hands in an attempt; the attempts before stop counting. */
  @Post()
  @BodyExample(CreateSubmissionDto, { student_id: 'STU001', activity_id: 'PROG-101-A01' })
  @Access({ admin: 'all', service: 'all', student: 'own' })
  @Idempotent()
  @CreatedOrKnown(SubmissionDto, ({ submission_id }) => `/api/v3/submissions/${submission_id}`)
  @InvalidateCache<SubmissionsController['create']>({
    tags: (_, submission) => staleAfterAttempt(submission),
    families: ['system', 'course', 'student', 'activity'],
  })
  create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateSubmissionDto,
    @Posted() request: PostedRequest,
  ): Promise<SubmissionDto> {
    return this.idempotency.run(request, (manager) => this.submissions.create(manager, principal, body));
  }

  /** Lists submissions, the last handed in first: of a teacher's courses, of a student alone, all for others. */
  @Get()
  @Access({ admin: 'all', service: 'all', teacher: 'listed', student: 'listed' })
  @Paged()
  list(@CurrentPrincipal() principal: Principal, @Query() query: SubmissionQuery): Promise<SubmissionPage> {
    return this.submissions.list(principal, query);
  }

  /** Shows one submission, with the `ETag` that a grade needs. */
  @Get(':submission_id')
  @Access({ admin: 'all', service: 'all', teacher: 'own', student: 'own' })
  @IfMatch('The `ETag` of the submission as it is wanted, in its quotes: 412 if it has changed')
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: 'The `ETag` of the submission as the caller has it, in its quotes: 304 if it is so still',
    schema: { type: 'string' },
  })
  @ApiOkResponse({ type: SubmissionDto, headers: { ETag: etagHeader() } })
  @ApiNotModifiedResponse({ description: 'The caller has it already', headers: { ETag: etagHeader() } })
  async get(
    @SubmissionId() submissionId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmissionDto | undefined> {
    const submission = await this.submissions.get(submissionId);
    mustMatch(ifMatch, submission);
    tagged(reply, submission);
    if (!isHeld(ifNoneMatch, submission)) return submission;
    reply.status(HttpStatus.NOT_MODIFIED);
    return undefined;
  }

  /** Declares an attempt void: it counts for nothing, and the one before counts again. */
  @Post(':submission_id/void')
  @HttpCode(200)
  @Access({ admin: 'all', teacher: 'own' })
  @IfMatch(
    'The `ETag` of the submission as it was seen, in its quotes: 412 if it has changed. Without it, whatever it is',
  )
  @ApiOkResponse({ type: SubmissionDto, headers: { ETag: etagHeader() } })
  @InvalidateCache<SubmissionsController['void']>({
    tags: (_, submission) => staleAfterAttempt(submission),
    families: ['system', 'course', 'student', 'activity'],
  })
  async void(
    @SubmissionId() submissionId: string,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmissionDto> {
    return tagged(reply, await this.submissions.void(submissionId, principal, ifMatch));
  }

  /** Sets or changes the grade of the submission as it was seen. */
  @Put(':submission_id/grade')
  @Access({ admin: 'all', teacher: 'own' })
  @IfMatch(
    'The `ETag` of the submission as it was seen, in its quotes; `*` for whatever it is. 428 without, 412 if it has changed',
    { required: true, example: '*' },
  )
  @ApiOkResponse({ type: SubmissionDto, headers: { ETag: etagHeader() } })
  @InvalidateCache<SubmissionsController['grade']>({
    tags: (_, submission) => staleAfterGrade(submission),
    families: ['course', 'student', 'activity'],
  })
  async grade(
    @SubmissionId() submissionId: string,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: GradeDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmissionDto> {
    return tagged(reply, await this.grades.grade(submissionId, principal, ifMatch, body));
  }
}

function tagged(reply: FastifyReply, submission: SubmissionDto): SubmissionDto {
  reply.header('ETag', entityTag(submission));
  return submission;
}

function etagHeader() {
  return { description: 'Names this state of the submission', schema: { type: 'string' as const } };
}
