import { Body, Controller, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access } from '../../access/access.decorator.js';
import { CurrentPrincipal } from '../../access/current-principal.decorator.js';
import type { Principal } from '../../access/principal.js';
import { InvalidateCache } from '../../cache/index.js';
import { CreatedOrKnown } from '../created.decorator.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Idempotent, Posted, PostedRequest } from '../idempotency/idempotent.decorator.js';
import { traceTags } from '../trace-tags.js';
import { ifWritten } from '../write-effect.js';
import { EventBatchService } from './event-batch.service.js';
import { BatchDto, BatchQuery, CreateEventDto, EventDto } from './event.dto.js';
import { EventsService } from './events.service.js';
import { batchRoute, ndjson, streamBody } from './ndjson-body.js';

const maxBatchBytes = 8 * 1024 * 1024;

@ApiTags('events')
@Controller()
export class EventsController {
  constructor(
    private readonly events: EventsService,
    private readonly batches: EventBatchService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Stores one event. */
  @Post('events')
  @Access({ admin: 'all', service: 'all', student: 'own' })
  @Idempotent()
  @CreatedOrKnown(EventDto)
  @InvalidateCache<EventsController['create']>({
    tags: (_, event) => ifWritten(event, (effect) => traceTags(event, effect)),
    families: ['system', 'course', 'student', 'roster'],
  })
  create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateEventDto,
    @Posted() request: PostedRequest,
  ): Promise<EventDto> {
    return this.idempotency.run(request, (manager) => this.events.create(manager, principal, body));
  }

  /**
   * Stores up to 10,000 events or 8 MiB, one JSON object a line. Bad lines are named and left out; `?atomic=true`
   * rejects the whole batch for one bad line. Lines already stored count as duplicates, so a batch can be repeated.
   */
  @Post(batchRoute)
  @HttpCode(200)
  @Access({ admin: 'all', service: 'all' })
  @ApiConsumes(ndjson)
  @ApiBody({
    description: 'One event a line, as in `POST /events`',
    schema: { type: 'string' },
    examples: {
      'two events': {
        value:
          '{"id":"b7d5c0a2-1e4f-4c0e-9a3d-5d2f6a8b1c77","student_id":"STU001","course_id":"PROG-101","verb":"viewed","occurred_at":"2026-02-05T18:52:18Z"}\n' +
          '{"id":"0f3a1f4c-64a2-4d0e-8a51-6a7f0d0a5b44","student_id":"STU001","course_id":"PROG-101","verb":"opened","occurred_at":"2026-02-05T18:53:02Z"}\n',
      },
    },
  })
  @ApiHeader({
    name: 'Content-Encoding',
    required: false,
    description: '`gzip` for a compressed body',
    schema: { type: 'string', enum: ['identity', 'gzip'] },
  })
  @InvalidateCache<EventsController['createBatch']>({
    tags: (_, batch) => batch.invalidated_tags,
    families: ['system', 'course', 'student', 'roster'],
  })
  createBatch(@Query() { atomic }: BatchQuery, @Req() request: FastifyRequest): Promise<BatchDto> {
    return streamBody(request, maxBatchBytes, (body) =>
      atomic === 'true' ? this.batches.ingestAtomically(body) : this.batches.ingest(body),
    );
  }
}
