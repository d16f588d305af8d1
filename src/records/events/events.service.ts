import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { Problem } from '../../http/problem.js';
import { mustFollowEnrollment, pastMoment } from '../moments.js';
import { activityNamedBy } from '../references.js';
import { unprocessable } from '../unprocessable.js';
import { wrote } from '../write-effect.js';
import { EventWriter } from './event-writer.js';
import { EventDto, type CreateEventDto } from './event.dto.js';
import type { RefusalCode } from './refusal.js';

const fieldOf: Partial<Record<RefusalCode, string>> = {
  unknown_student: 'student_id',
  unknown_course: 'course_id',
  unknown_activity: 'activity_id',
  unknown_session: 'session_id',
};

/** Takes events one at a time. */
@Injectable()
export class EventsService {
  constructor(private readonly writer: EventWriter) {}

  async create(manager: EntityManager, principal: Principal, dto: CreateEventDto): Promise<EventDto> {
    const occurredAt = pastMoment('occurred_at', dto.occurred_at);
    if (principal.role === 'student') {
      await mustFollowEnrollment(manager, 'occurred_at', occurredAt, dto);
    }
    const [outcome] = await this.writer.write(manager, [dto]);
    if (typeof outcome === 'object') {
      if (outcome.code === 'conflict') throw new Problem('conflict', outcome.detail);
      unprocessable(fieldOf[outcome.code] ?? 'id', 'unknown', outcome.detail.replace(/\.$/, ''));
    }
    const event = EventDto.of(dto);
    if (outcome === 'duplicate') return event;
    if (principal.role === 'student' && dto.activity_id) {
      await activityNamedBy(manager, principal, 'activity_id', dto.activity_id);
    }
    return wrote(event, { changed: outcome === 'first_trace' ? ['firstTraceAt'] : [] });
  }
}
