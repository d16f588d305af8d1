import { Body, Controller, Get, Patch, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { CurrentPrincipal } from '../../access/current-principal.decorator.js';
import type { Principal } from '../../access/principal.js';
import { InvalidateCache } from '../../cache/index.js';
import { BodyExample } from '../../http/body-example.decorator.js';
import { CreatedOrKnown } from '../created.decorator.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Idempotent, Posted, PostedRequest } from '../idempotency/idempotent.decorator.js';
import { OpenSessionId, SessionId } from '../path-ids.js';
import { traceTags } from '../trace-tags.js';
import { ifWritten } from '../write-effect.js';
import { TutorMessagesService } from './tutor-messages.service.js';
import {
  CreateTutorMessageDto,
  CreateTutorSessionDto,
  EndTutorSessionDto,
  TutorMessageDto,
  TutorSessionDto,
} from './tutor-session.dto.js';
import { TutorSessionsService } from './tutor-sessions.service.js';

@ApiTags('tutor-sessions')
@Controller('sessions')
export class TutorSessionsController {
  constructor(
    private readonly sessions: TutorSessionsService,
    private readonly messages: TutorMessagesService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Starts a conversation with the tutor. */
  @Post()
  @BodyExample(CreateTutorSessionDto, {
    session_id: 'S-0001',
    student_id: 'STU001',
    course_id: 'PROG-101',
    client_id: '0b9f3c1e-7f43-4a35-9d0f-3f2f5f3f1a11',
  })
  @Access({ admin: 'all', service: 'all', student: 'own' }, { creates: 'session_id' })
  @Idempotent()
  @CreatedOrKnown(TutorSessionDto, ({ session_id }) => `/api/v3/sessions/${session_id}`)
  @InvalidateCache<TutorSessionsController['start']>({
    tags: (_, session) => ifWritten(session, (effect) => traceTags(session, effect)),
    families: ['system', 'course', 'student', 'roster'],
  })
  start(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateTutorSessionDto,
    @Posted() request: PostedRequest,
  ): Promise<TutorSessionDto> {
    return this.idempotency.run(request, (manager) => this.sessions.start(manager, principal, body));
  }

  /** Shows one conversation, without its messages. */
  @Get(':session_id')
  @Access({ admin: 'all', service: 'all', teacher: 'own', student: 'own' })
  get(@SessionId() sessionId: string): Promise<TutorSessionDto> {
    return this.sessions.get(sessionId);
  }

  /** Ends a conversation. */
  @Patch(':session_id')
  @BodyExample(EndTutorSessionDto, {})
  @Access({ admin: 'all', service: 'all', student: 'own' })
  @InvalidateCache<TutorSessionsController['end']>({
    tags: (_, session) =>
      ifWritten(session, () => ['system', `course:${session.course_id}`, `student:${session.student_id}`]),
    families: ['system', 'course', 'student'],
  })
  end(@OpenSessionId() sessionId: string, @Body() body: EndTutorSessionDto): Promise<TutorSessionDto> {
    return this.sessions.end(sessionId, body);
  }

  /** Adds a message to an open conversation. It may make a student active today, which the statistics show. */
  @Post(':session_id/messages')
  @BodyExample(CreateTutorMessageDto, {
    sender: 'student',
    kind: 'question',
    content: 'Why does my loop never end?',
  })
  @Access({ admin: 'all', service: 'all', student: 'own' })
  @Idempotent()
  @CreatedOrKnown(TutorMessageDto)
  @InvalidateCache<TutorSessionsController['addMessage']>({
    tags: (_, message) =>
      ifWritten(message, () => ['system', `course:${message.course_id}`, `student:${message.student_id}`]),
    families: ['system', 'course', 'student'],
  })
  addMessage(
    @CurrentPrincipal() principal: Principal,
    @OpenSessionId() sessionId: string,
    @Body() body: CreateTutorMessageDto,
    @Posted() request: PostedRequest,
  ): Promise<TutorMessageDto> {
    return this.idempotency.run(request, (manager) => this.messages.add(manager, principal, sessionId, body));
  }
}
