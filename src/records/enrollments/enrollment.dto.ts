import { IsOptional } from 'class-validator';
import { Count, Instant, OneOf } from '../../http/answer-fields.js';
import { PageQuery } from '../../http/page.dto.js';
import { IfGiven, IsInstant, IsOneOf, IsPublicId } from '../field-rules.js';
import {
  enrollmentRoles,
  enrollmentStatuses,
  finalResults,
  type Enrollment,
  type EnrollmentRole,
  type EnrollmentStatus,
  type FinalResult,
} from './enrollment.entity.js';

/** What a person is in a course, and how it ended. */
export class EnrollmentDto {
  /**
   * Number of the enrollment, as text
   * @example "1"
   */
  enrollment_id!: string;

  /**
   * The person
   * @example "STU001"
   */
  user_id!: string;

  /**
   * The course
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * What the person is in the course
   * @example "student"
   */
  @OneOf('EnrollmentRole', enrollmentRoles)
  role!: EnrollmentRole;

  /**
   * Whether it goes on, or how it ended
   * @example "active"
   */
  @OneOf('EnrollmentStatus', enrollmentStatuses)
  status!: EnrollmentStatus;

  /**
   * When the person joined (UTC)
   * @example "2026-01-12T08:00:00.000Z"
   */
  @Instant()
  enrolled_at!: string;

  /**
   * When it ended (UTC); null while active, and where an import told only how it ended
   * @example "2026-06-12T00:00:00.000Z"
   */
  @Instant()
  ended_at!: string | null;

  /**
   * Result at the end; null if there is none
   * @example "pass"
   */
  @OneOf('FinalResult', finalResults, { nullable: true })
  final_result!: FinalResult | null;

  /**
   * How often the person took this course before
   * @example 0
   */
  @Count()
  prior_attempts!: number;

  /** @param enrollment with its user and course */
  static of(enrollment: Enrollment): EnrollmentDto {
    return Object.assign(new EnrollmentDto(), {
      enrollment_id: enrollment.id,
      user_id: enrollment.user.code,
      course_id: enrollment.course.code,
      role: enrollment.role,
      status: enrollment.status,
      enrolled_at: enrollment.enrolledAt.toISOString(),
      ended_at: enrollment.endedAt?.toISOString() ?? null,
      final_result: enrollment.finalResult,
      prior_attempts: enrollment.priorAttempts,
    });
  }
}

/** A page of enrollments, those who joined first at the front. */
export class EnrollmentPage {
  /** The enrollments of this page */
  data!: EnrollmentDto[];

  /**
   * Cursor of the next page; null on the last
   * @example "WyJlbnJvbGxtZW50cyIsIjE3NzAzMTc1MzgwMDAwMDAiLCI1MCJd"
   */
  next_cursor!: string | null;
}

/** Which enrollments to list. */
export class EnrollmentQuery extends PageQuery {
  /**
   * Only those of this course
   * @example "PROG-101"
   */
  @IfGiven()
  @IsPublicId()
  course_id?: string;

  /**
   * Only those of this person
   * @example "STU001"
   */
  @IfGiven()
  @IsPublicId()
  user_id?: string;
}

/** A person to enroll. */
export class CreateEnrollmentDto {
  /**
   * The person
   * @example "STU061"
   */
  @IsPublicId()
  user_id!: string;

  /**
   * The course
   * @example "PROG-101"
   */
  @IsPublicId()
  course_id!: string;

  /**
   * What the person is in the course; `student` if left out. Only an admin enrolls teachers;
   * assistants enroll students only
   * @example "student"
   */
  @IfGiven()
  @IsOneOf('EnrollmentRole', enrollmentRoles)
  role?: EnrollmentRole;

  /**
   * When the person joined, with a time zone; now if left out, or if it lies up to 5 minutes ahead of our clock
   * @example "2026-01-12T08:00:00Z"
   */
  @IfGiven()
  @IsInstant()
  enrolled_at?: string;
}

/** How an enrollment ends, or that it goes on; what is left out stays. No import of files says otherwise afterwards. */
export class ChangeEnrollmentDto {
  /**
   * `dropped`, `completed` or `failed` end it; `active` takes it up again
   * @example "dropped"
   */
  @IfGiven()
  @IsOneOf('EnrollmentStatus', enrollmentStatuses)
  status?: EnrollmentStatus;

  /**
   * `pass` and `distinction` go with `completed`, `fail` with `failed`, `withdrawn` with `dropped`
   * @example "withdrawn"
   */
  @IsOptional()
  @IsOneOf('FinalResult', finalResults, { nullable: true })
  final_result?: FinalResult | null;

  /**
   * When it ended, with a time zone; now if left out when it ends, or if it lies up to 5 minutes ahead of our clock. One
   * that was completed or failed without a date, and is told to be `dropped`, ended with its course, or now
   * @example "2026-02-05T18:52:18Z"
   */
  @IfGiven()
  @IsInstant()
  ended_at?: string;
}
