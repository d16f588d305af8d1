import { ApiProperty } from '@nestjs/swagger';
import { Count, Instant, OneOf, Percent } from '../../http/answer-fields.js';
import { PageQuery } from '../../http/page.dto.js';
import { IfGiven, IsClientId, IsInstant, IsNumberBetween, IsPlainText, IsPublicId } from '../field-rules.js';
import { submissionStatuses, type Submission, type SubmissionStatus } from './submission.entity.js';

/** One attempt of a student at an activity. */
export class SubmissionDto {
  /**
   * Number of the submission, as text
   * @example "1"
   */
  submission_id!: string;

  /**
   * The student
   * @example "STU001"
   */
  student_id!: string;

  /**
   * The activity
   * @example "PROG-101-A01"
   */
  activity_id!: string;

  /**
   * The course of the activity
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * Which attempt of this student at this activity, from 1, in the order of arrival: one that we are told of later has a
   * later number, whatever its `submitted_at`
   * @example 1
   */
  @Count({ from: 1 })
  attempt_no!: number;

  /**
   * When it was handed in (UTC)
   * @example "2026-01-30T17:05:00.000Z"
   */
  @Instant()
  submitted_at!: string;

  /**
   * The due date that it met or missed (UTC); null if there was none
   * @example "2026-02-01T23:59:59.000Z"
   */
  @Instant()
  due_at_effective!: string | null;

  /**
   * Where it stands
   * @example "graded"
   */
  @OneOf('SubmissionStatus', submissionStatuses)
  status!: SubmissionStatus;

  /**
   * Score, 0 to 100 percent of the points; null while not graded
   * @example 87.5
   */
  @Percent()
  score!: number | null;

  /**
   * When it was graded first (UTC); null while not graded. A correction leaves it
   * @example "2026-02-03T09:00:00.000Z"
   */
  @Instant()
  graded_at!: string | null;

  /**
   * Whether it is the attempt that counts: of those that are not void the last to arrive
   * @example true
   */
  is_final!: boolean;

  /**
   * The client's own id of it (UUID); null if it gave none
   * @example "3f8a1c9e-54b4-4c39-8f0b-2f9a44a7d1c7"
   */
  @ApiProperty({ format: 'uuid' })
  client_id!: string | null;

  /** @param submission with its user, its activity and the activity's course */
  static of(submission: Submission): SubmissionDto {
    return Object.assign(new SubmissionDto(), {
      submission_id: submission.id,
      student_id: submission.user.code,
      activity_id: submission.activity.code,
      course_id: submission.activity.course.code,
      attempt_no: submission.attemptNo,
      submitted_at: submission.submittedAt.toISOString(),
      due_at_effective: submission.dueAtEffective?.toISOString() ?? null,
      status: submission.status,
      score: submission.score,
      graded_at: submission.gradedAt?.toISOString() ?? null,
      is_final: submission.isFinal,
      client_id: submission.clientId,
    });
  }
}

/** A page of submissions, the last handed in first. */
export class SubmissionPage {
  /** The submissions of this page */
  data!: SubmissionDto[];

  /**
   * Cursor of the next page; null on the last
   * @example "WyJzdWJtaXNzaW9ucyIsIjE3NzAzMTc1MzgwMDAwMDAiLCI5NTEiXQ"
   */
  next_cursor!: string | null;
}

/** Which submissions to list. */
export class SubmissionQuery extends PageQuery {
  /**
   * Only those of this course
   * @example "PROG-101"
   */
  @IfGiven()
  @IsPublicId()
  course_id?: string;

  /**
   * Only those of this student
   * @example "STU001"
   */
  @IfGiven()
  @IsPublicId()
  student_id?: string;

  /**
   * Only those of this activity
   * @example "PROG-101-A01"
   */
  @IfGiven()
  @IsPublicId()
  activity_id?: string;
}

/** An attempt to hand in. */
export class CreateSubmissionDto {
  /**
   * The student, active in the course of the activity
   * @example "STU001"
   */
  @IsPublicId()
  student_id!: string;

  /**
   * The activity, published and open
   * @example "PROG-101-A01"
   */
  @IsPublicId()
  activity_id!: string;

  /**
   * When it was handed in, with a time zone, at most 5 minutes ahead of our clock, as `occurred_at` of an event; now
   * if left out. Students must leave it out. It says whether it is late, but not which attempt it is
   * @example "2026-01-30T17:05:00Z"
   */
  @IfGiven()
  @IsInstant()
  submitted_at?: string;

  /**
   * The client's own id of it (UUID): sent twice, it is one submission
   * @example "3f8a1c9e-54b4-4c39-8f0b-2f9a44a7d1c7"
   */
  @IfGiven()
  @IsClientId()
  client_id?: string;
}

/** A grade. */
export class GradeDto {
  /**
   * Score, 0 to 100 percent of the points, at most two decimals
   * @example 87.5
   */
  @IsNumberBetween(0, 100, { decimals: 2 })
  score!: number;

  /**
   * Why, for the record of grade changes
   * @example "Second look after appeal"
   */
  @IfGiven()
  @IsPlainText(1000)
  reason?: string;
}
