import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { Problem } from '../../http/problem.js';
import { momentTold } from '../moments.js';
import { unprocessable } from '../unprocessable.js';
import { wrote } from '../write-effect.js';
import { TutorMessage } from './tutor-message.entity.js';
import { TutorMessageDto, type CreateTutorMessageDto } from './tutor-session.dto.js';
import type { TutorSession } from './tutor-session.entity.js';
import { lockedSession } from './tutor-sessions.service.js';

/** What is said in a session. The counts of the session are kept by the database. */
@Injectable()
export class TutorMessagesService {
  async add(
    manager: EntityManager,
    principal: Principal,
    sessionCode: string,
    dto: CreateTutorMessageDto,
  ): Promise<TutorMessageDto> {
    if (principal.role === 'student' && dto.sender !== 'student') {
      throw new Problem('forbidden', 'A student does not write as the tutor.');
    }
    const session = await lockedSession(manager, sessionCode);
    // In characters, as their limit is; a text's own length counts some of them twice.
    const length = dto.content === undefined ? (dto.length ?? 0) : Array.from(dto.content).length;
    const known = await this.#known(manager, session, dto, length);
    if (known) return known;

    const message = manager.create(TutorMessage, {
      sessionId: session.id,
      sender: dto.sender,
      kind: dto.kind,
      length,
      content: dto.content ?? null,
      sentAt: await sentAt(manager, session, dto),
      clientId: dto.client_id?.toLowerCase() ?? null,
    });
    return wrote(TutorMessageDto.of(await manager.save(message), session));
  }

  async #known(
    manager: EntityManager,
    session: TutorSession,
    dto: CreateTutorMessageDto,
    length: number,
  ): Promise<TutorMessageDto | undefined> {
    if (dto.client_id === undefined) return undefined;
    const message = await manager.findOneBy(TutorMessage, { clientId: dto.client_id });
    if (!message) return undefined;
    const isSame =
      message.sessionId === session.id &&
      message.sender === dto.sender &&
      message.kind === dto.kind &&
      message.length === length &&
      message.content === (dto.content ?? null) &&
      (dto.sent_at === undefined || message.sentAt.getTime() === Date.parse(dto.sent_at));
    if (!isSame) throw new Problem('conflict', 'This client_id belongs to another message.');
    return TutorMessageDto.of(message, session);
  }
}

async function sentAt(
  manager: EntityManager,
  session: TutorSession,
  dto: CreateTutorMessageDto,
): Promise<Date> {
  const moment = await momentTold(manager, 'sent_at', dto.sent_at);
  if (session.endedAt && moment > session.endedAt) {
    if (dto.sent_at === undefined) throw new Problem('conflict', 'The session has ended.');
    unprocessable('sent_at', 'order', 'must not lie after the end of the session');
  }
  if (moment < session.startedAt) {
    // A client whose clock runs ahead may start a session in our future.
    if (dto.sent_at === undefined) return session.startedAt;
    unprocessable('sent_at', 'order', 'must not lie before the start of the session');
  }
  return moment;
}
