import { Instant, Percent } from '../../http/answer-fields.js';
import { IfGiven, IsInstant, IsNumberBetween, IsPlainText, IsPublicId } from '../field-rules.js';
import type { Course } from './course.entity.js';

/** A course. */
export class CourseDto {
  /**
   * Public id
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * Name
   * @example "Programming 101"
   */
  name!: string;

  /**
   * First moment of the course (UTC)
   * @example "2026-01-12T00:00:00.000Z"
   */
  @Instant()
  starts_at!: string;

  /**
   * End of the course (UTC)
   * @example "2026-06-12T00:00:00.000Z"
   */
  @Instant()
  ends_at!: string;

  /**
   * Mean score that passes, 0 to 100 percent of the points
   * @example 60
   */
  @Percent()
  pass_mark!: number;

  /**
   * As the database has it. No request sets it, and a course with false is served like any other
   * @example true
   */
  is_active!: boolean;

  /**
   * When the course was added (UTC)
   * @example "2026-01-02T08:00:00.000Z"
   */
  @Instant()
  created_at!: string;

  static of(course: Course): CourseDto {
    return Object.assign(new CourseDto(), {
      course_id: course.code,
      name: course.name,
      starts_at: course.startsAt.toISOString(),
      ends_at: course.endsAt.toISOString(),
      pass_mark: course.passMark,
      is_active: course.isActive,
      created_at: course.createdAt.toISOString(),
    });
  }
}

/** A page of courses, by id. */
export class CoursePage {
  /** The courses of this page */
  data!: CourseDto[];

  /**
   * Cursor of the next page; null on the last
   * @example "WyJjb3Vyc2VzIiwiREFUQS0yMDEiXQ"
   */
  next_cursor!: string | null;
}

/** A course to add. */
export class CreateCourseDto {
  /**
   * Public id, for ever this course's: a letter or digit, then up to 63 letters, digits or `. _ : @ -`
   * @example "PROG-102"
   */
  @IsPublicId()
  course_id!: string;

  /**
   * Name
   * @example "Programming 101"
   */
  @IsPlainText(200)
  name!: string;

  /**
   * First moment of the course, with a time zone
   * @example "2026-01-12T00:00:00Z"
   */
  @IsInstant()
  starts_at!: string;

  /**
   * End of the course, with a time zone; after `starts_at`
   * @example "2026-06-12T00:00:00Z"
   */
  @IsInstant()
  ends_at!: string;

  /**
   * Mean score that passes, 0 to 100 percent of the points, at most two decimals; 60 if left out
   * @example 60
   */
  @IfGiven()
  @IsNumberBetween(0, 100, { decimals: 2 })
  pass_mark?: number;
}

/** What to change of a course; what is left out stays. */
export class ChangeCourseDto {
  /**
   * New name
   * @example "Programming 101"
   */
  @IfGiven()
  @IsPlainText(200)
  name?: string;

  /**
   * New first moment of the course, with a time zone
   * @example "2026-01-12T00:00:00Z"
   */
  @IfGiven()
  @IsInstant()
  starts_at?: string;

  /**
   * New end of the course, with a time zone; after `starts_at`
   * @example "2026-06-12T00:00:00Z"
   */
  @IfGiven()
  @IsInstant()
  ends_at?: string;

  /**
   * New pass mark, 0 to 100 percent of the points, at most two decimals
   * @example 55
   */
  @IfGiven()
  @IsNumberBetween(0, 100, { decimals: 2 })
  pass_mark?: number;
}
