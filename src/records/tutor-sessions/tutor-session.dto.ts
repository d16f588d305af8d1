import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { Count, Instant, OneOf } from '../../http/answer-fields.js';
import {
  IfGiven,
  IsClientId,
  IsInstant,
  IsNumberBetween,
  IsOneOf,
  IsPlainText,
  IsPublicId,
} from '../field-rules.js';
import {
  messageKinds,
  messageSenders,
  type MessageKind,
  type MessageSender,
  type TutorMessage,
} from './tutor-message.entity.js';
import type { TutorSession } from './tutor-session.entity.js';

const maxContentLength = 20_000;

/** A conversation with the AI tutor. */
export class TutorSessionDto {
  /**
   * Public id
   * @example "SES-000001"
   */
  session_id!: string;

  /**
   * The student who talks with the tutor
   * @example "STU001"
   */
  student_id!: string;

  /**
   * The course it is about
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * The activity it is about; null if about none
   * @example "PROG-101-A01"
   */
  activity_id!: string | null;

  /**
   * Way of tutoring
   * @example "tutor"
   */
  mode!: string;

  /**
   * When it began (UTC)
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  started_at!: string;

  /**
   * Time of the last message, or of the start (UTC)
   * @example "2026-02-05T19:10:00.000Z"
   */
  @Instant()
  last_event_at!: string;

  /**
   * When it ended (UTC); null while it is open
   * @example "2026-02-05T19:20:00.000Z"
   */
  @Instant()
  ended_at!: string | null;

  /**
   * Number of messages, of both sides
   * @example 12
   */
  @Count()
  message_count!: number;

  /**
   * Hints that the tutor gave, among them
   * @example 3
   */
  @Count()
  hint_count!: number;

  /**
   * The client's own id of it (UUID); null if it gave none
   * @example "0b9f3c1e-7f43-4a35-9d0f-3f2f5f3f1a11"
   */
  @ApiProperty({ format: 'uuid' })
  client_id!: string | null;

  /** @param session with its user, course and activity */
  static of(session: TutorSession): TutorSessionDto {
    return Object.assign(new TutorSessionDto(), {
      session_id: session.code,
      student_id: session.user.code,
      course_id: session.course.code,
      activity_id: session.activity?.code ?? null,
      mode: session.mode,
      started_at: session.startedAt.toISOString(),
      last_event_at: session.lastEventAt.toISOString(),
      ended_at: session.endedAt?.toISOString() ?? null,
      message_count: session.messageCount,
      hint_count: session.hintCount,
      client_id: session.clientId,
    });
  }
}

/** A conversation that begins. */
export class CreateTutorSessionDto {
  /**
   * Public id; made up if left out
   * @example "S-0001"
   */
  @IfGiven()
  @IsPublicId()
  session_id?: string;

  /**
   * The student, active in the course
   * @example "STU001"
   */
  @IsPublicId()
  student_id!: string;

  /**
   * The course
   * @example "PROG-101"
   */
  @IsPublicId()
  course_id!: string;

  /**
   * The activity it is about, of the same course
   * @example "PROG-101-A01"
   */
  @IsOptional()
  @IsPublicId()
  activity_id?: string | null;

  /**
   * Way of tutoring, a word in lower case; `tutor` if left out
   * @example "tutor"
   */
  @IfGiven()
  @Matches(/^[a-z][a-z0-9_]{0,31}$/)
  mode?: string;

  /**
   * When it began, with a time zone, at most 5 minutes ahead of our clock, as `occurred_at` of an event; now if
   * left out
   * @example "2026-02-05T18:52:18Z"
   */
  @IfGiven()
  @IsInstant()
  started_at?: string;

  /**
   * The client's own id of it (UUID): sent twice, it is one session
   * @example "0b9f3c1e-7f43-4a35-9d0f-3f2f5f3f1a11"
   */
  @IfGiven()
  @IsClientId()
  client_id?: string;
}

/** The end of a conversation. */
export class EndTutorSessionDto {
  /**
   * When it ended, with a time zone, up to 5 minutes before what was last said, and then set to that; at most 5 minutes ahead of
   * our clock, as `occurred_at` of an event; now if left out
   * @example "2026-02-05T19:20:00Z"
   */
  @IfGiven()
  @IsInstant()
  ended_at?: string;
}

/** A message of a conversation, without its content. */
export class TutorMessageDto {
  /**
   * The session
   * @example "SES-000001"
   */
  session_id!: string;

  /**
   * The student of the session
   * @example "STU001"
   */
  student_id!: string;

  /**
   * The course of the session
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * Who wrote it
   * @example "student"
   */
  @OneOf('MessageSender', messageSenders)
  sender!: MessageSender;

  /**
   * What it is
   * @example "question"
   */
  @OneOf('MessageKind', messageKinds)
  kind!: MessageKind;

  /**
   * Length, in characters
   * @example 42
   */
  @Count()
  length!: number;

  /**
   * When it was sent (UTC)
   * @example "2026-02-05T18:53:00.000Z"
   */
  @Instant()
  sent_at!: string;

  /**
   * The client's own id of it (UUID); null if it gave none
   * @example "7a1f0a54-8a0e-4a8e-8a43-0d7c2f6f8b22"
   */
  @ApiProperty({ format: 'uuid' })
  client_id!: string | null;

  /** @param session with its user and course */
  static of(message: TutorMessage, session: TutorSession): TutorMessageDto {
    return Object.assign(new TutorMessageDto(), {
      session_id: session.code,
      student_id: session.user.code,
      course_id: session.course.code,
      sender: message.sender,
      kind: message.kind,
      length: message.length,
      sent_at: message.sentAt.toISOString(),
      client_id: message.clientId,
    });
  }
}

/** A message to add. Its content is optional: no measure needs it. */
export class CreateTutorMessageDto {
  /**
   * Who wrote it; a student writes as `student` only
   * @example "student"
   */
  @IsOneOf('MessageSender', messageSenders)
  sender!: MessageSender;

  /**
   * What it is
   * @example "question"
   */
  @IsOneOf('MessageKind', messageKinds)
  kind!: MessageKind;

  /**
   * Length, in characters; counted from `content` if that is given, 0 if neither is
   * @example 42
   */
  @IfGiven()
  @IsNumberBetween(0, 1_000_000, { decimals: 0 })
  length?: number;

  /**
   * The text itself, up to 20,000 characters
   * @example "Why does my loop never end?"
   */
  @IfGiven()
  @IsPlainText(maxContentLength)
  content?: string;

  /**
   * When it was sent, with a time zone, while the session was open, at most 5 minutes ahead of our clock, as `occurred_at` of
   * an event; now if left out
   * @example "2026-02-05T18:53:00Z"
   */
  @IfGiven()
  @IsInstant()
  sent_at?: string;

  /**
   * The client's own id of it (UUID): sent twice, it is one message
   * @example "7a1f0a54-8a0e-4a8e-8a43-0d7c2f6f8b22"
   */
  @IfGiven()
  @IsClientId()
  client_id?: string;
}
