import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches, ValidateBy } from 'class-validator';
import { Count, Instant, OneOf } from '../../http/answer-fields.js';
import {
  IfGiven,
  IsClientId,
  IsInstant,
  IsNumberBetween,
  IsPublicId,
  isStorable,
  storable,
} from '../field-rules.js';
import { type RefusalCode, refusalCodes } from './refusal.js';

const maxDataBytes = 8192;
const maxDataDepth = 5;

/** A small JSON object: at most 8 KiB as text in UTF-8, five levels deep, storable, without numbers that no double holds. */
const IsEventData = () =>
  ValidateBy({
    name: 'isEventData',
    validator: {
      validate: (value) =>
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        isShallow(value, maxDataDepth) &&
        Buffer.byteLength(JSON.stringify(value)) <= maxDataBytes,
      defaultMessage: () =>
        `$property must be an object of at most 8 KiB and five levels, ${storable}, with numbers that fit a double`,
    },
  });

/** Something a student did. */
export class CreateEventDto {
  /**
   * The client's own id of it (UUID): sent twice, it is one event
   * @example "6f1c2f0e-3b0a-4f0b-9a64-0f2f4f3a9c33"
   */
  @IsClientId()
  id!: string;

  /**
   * The student
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
   * The activity, if it is about one of the course
   * @example "PROG-101-A01"
   */
  @IsOptional()
  @IsPublicId()
  activity_id?: string | null;

  /**
   * The tutor session, if it happened in one of the student in this course
   * @example "SES-000001"
   */
  @IsOptional()
  @IsPublicId()
  session_id?: string | null;

  /**
   * What the student did. Counted as activity: viewed, opened, attempted, submitted, passed, failed, asked, received_hint,
   * completed, logged_in, logged_out; any other word in lower case is stored and not counted
   * @example "viewed"
   */
  @Matches(/^[a-z][a-z0-9_.:-]{0,63}$/, {
    message: '$property must be a word of up to 64 lower-case letters, digits or _ . : -',
  })
  verb!: string;

  /**
   * When it happened, with a time zone, at most 5 minutes ahead of our clock. It counts from that moment on; answers that are
   * kept by then may lag by their time to live (30, 45 or 60 s). From a student: not before they joined the course
   * @example "2026-02-05T18:52:18Z"
   */
  @IsInstant()
  occurred_at!: string;

  /**
   * How often, such as clicks; 1 if left out
   * @example 1
   */
  @IfGiven()
  @IsNumberBetween(1, 10_000, { decimals: 0 })
  quantity?: number;

  /**
   * Anything else: an object of at most 8 KiB (UTF-8) and five levels. Its numbers are doubles (IEEE 754): write longer ones as texts
   * @example { "page": 3 }
   */
  @IsOptional()
  @IsEventData()
  data?: Record<string, unknown> | null;
}

/** An event as it was stored. */
export class EventDto {
  /**
   * The client's own id of it (UUID)
   * @example "6f1c2f0e-3b0a-4f0b-9a64-0f2f4f3a9c33"
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * The student
   * @example "STU001"
   */
  student_id!: string;

  /**
   * The course
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * The activity; null if about none
   * @example "PROG-101-A01"
   */
  activity_id!: string | null;

  /**
   * The tutor session; null if in none
   * @example "SES-000001"
   */
  session_id!: string | null;

  /**
   * What the student did
   * @example "viewed"
   */
  verb!: string;

  /**
   * When it happened (UTC)
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  occurred_at!: string;

  /**
   * How often
   * @example 1
   */
  @Count({ from: 1 })
  quantity!: number;

  static of(event: CreateEventDto): EventDto {
    return Object.assign(new EventDto(), {
      id: event.id.toLowerCase(),
      student_id: event.student_id,
      course_id: event.course_id,
      activity_id: event.activity_id ?? null,
      session_id: event.session_id ?? null,
      verb: event.verb,
      occurred_at: new Date(event.occurred_at).toISOString(),
      quantity: event.quantity ?? 1,
    });
  }
}

/** How to take a batch. */
export class BatchQuery {
  /**
   * With `true` one bad line rejects the whole batch, and nothing is written
   * @example "false"
   */
  @IfGiven()
  @IsIn(['true', 'false'])
  atomic?: 'true' | 'false' = 'false';
}

/** What is wrong with one line of a batch. */
export class LineError {
  /**
   * Number of the line, from 1
   * @example 17
   */
  @Count({ from: 1 })
  line!: number;

  /**
   * Why it was not taken; `conflict`: another event has this id
   * @example "unknown_student"
   */
  @OneOf('RefusalCode', refusalCodes)
  code!: RefusalCode;

  /**
   * One sentence about it
   * @example "There is no such student."
   */
  detail!: string;
}

/** What became of a batch. */
export class BatchDto {
  /**
   * Number of lines that were not blank
   * @example 3
   */
  @Count()
  received!: number;

  /**
   * Number of events that are new
   * @example 1
   */
  @Count()
  accepted!: number;

  /**
   * Number of events that were there already, or twice in the batch, with the same content
   * @example 1
   */
  @Count()
  duplicates!: number;

  /**
   * Number of lines that were not taken
   * @example 1
   */
  @Count()
  rejected!: number;

  /** What was wrong with the first 100 rejected lines */
  errors!: LineError[];

  /**
   * What in the cache is old now: `system`, the courses and the students, also those of duplicates beside new events;
   * `roster:` for a course with over 500 of them, or of which nothing so early was known. Empty where nothing is new
   * @example ["system", "course:PROG-101", "student:STU001"]
   */
  invalidated_tags!: string[];
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value === 'string') return isStorable(value);
  // `1e999` is read as infinity, which would be written as null.
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return (
    levels > 0 &&
    Object.entries(value).every(([name, part]) => isStorable(name) && isShallow(part, levels - 1))
  );
}
