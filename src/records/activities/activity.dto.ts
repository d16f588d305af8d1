import { IsBoolean, IsOptional } from 'class-validator';
import { Amount, Instant, OneOf } from '../../http/answer-fields.js';
import { IfGiven, IsInstant, IsNumberBetween, IsOneOf, IsPlainText, IsPublicId } from '../field-rules.js';
import {
  activityKinds,
  activityStatuses,
  type Activity,
  type ActivityKind,
  type ActivityStatus,
} from './activity.entity.js';

/** A piece of work in a course. */
export class ActivityDto {
  /**
   * Public id
   * @example "PROG-101-A01"
   */
  activity_id!: string;

  /**
   * The course it belongs to
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * Title
   * @example "Loops"
   */
  title!: string;

  /**
   * Kind of work
   * @example "exercise"
   */
  @OneOf('ActivityKind', activityKinds)
  kind!: ActivityKind;

  /**
   * Students see and hand in only what is published
   * @example "published"
   */
  @OneOf('ActivityStatus', activityStatuses)
  status!: ActivityStatus;

  /**
   * Points to reach
   * @example 100
   */
  @Amount()
  points!: number;

  /**
   * Weight in the mean of the course; 0 leaves it out
   * @example 1
   */
  @Amount()
  weight!: number;

  /**
   * From when it may be handed in (UTC); null for always
   * @example "2026-01-12T00:00:00.000Z"
   */
  @Instant()
  opens_at!: string | null;

  /**
   * When it is due (UTC); null for never
   * @example "2026-02-01T23:59:59.000Z"
   */
  @Instant()
  due_at!: string | null;

  /**
   * Whether it counts for completion
   * @example true
   */
  is_required!: boolean;

  /**
   * When it was added (UTC)
   * @example "2026-01-02T08:00:00.000Z"
   */
  @Instant()
  created_at!: string;

  /** @param activity with its course */
  static of(activity: Activity): ActivityDto {
    return Object.assign(new ActivityDto(), {
      activity_id: activity.code,
      course_id: activity.course.code,
      title: activity.title,
      kind: activity.kind,
      status: activity.status,
      points: activity.points,
      weight: activity.weight,
      opens_at: activity.opensAt?.toISOString() ?? null,
      due_at: activity.dueAt?.toISOString() ?? null,
      is_required: activity.isRequired,
      created_at: activity.createdAt.toISOString(),
    });
  }
}

/** A page of a course's activities, by id. */
export class ActivityPage {
  /** The activities of this page */
  data!: ActivityDto[];

  /**
   * Cursor of the next page; null on the last
   * @example "WyJhY3Rpdml0aWVzL1BST0ctMTAxIiwiUFJPRy0xMDEtQTA4Il0"
   */
  next_cursor!: string | null;
}

/** A piece of work to add. */
export class CreateActivityDto {
  /**
   * Public id, for ever this activity's: a letter or digit, then up to 63 letters, digits or `. _ : @ -`
   * @example "PROG-101-B01"
   */
  @IsPublicId()
  activity_id!: string;

  /**
   * Title
   * @example "Loops"
   */
  @IsPlainText(200)
  title!: string;

  /**
   * Kind of work
   * @example "exercise"
   */
  @IsOneOf('ActivityKind', activityKinds)
  kind!: ActivityKind;

  /**
   * `draft` if left out
   * @example "published"
   */
  @IfGiven()
  @IsOneOf('ActivityStatus', activityStatuses)
  status?: ActivityStatus;

  /**
   * Points to reach, above 0, at most two decimals; 100 if left out
   * @example 100
   */
  @IfGiven()
  @IsNumberBetween(0.01, 100_000, { decimals: 2 })
  points?: number;

  /**
   * Weight in the mean of the course, at most three decimals; 1 if left out
   * @example 1
   */
  @IfGiven()
  @IsNumberBetween(0, 10_000, { decimals: 3 })
  weight?: number;

  /**
   * From when it may be handed in, with a time zone; always if left out
   * @example "2026-01-12T00:00:00Z"
   */
  @IsOptional()
  @IsInstant()
  opens_at?: string | null;

  /**
   * When it is due, with a time zone, after `opens_at`; never if left out
   * @example "2026-02-01T23:59:59Z"
   */
  @IsOptional()
  @IsInstant()
  due_at?: string | null;

  /**
   * Whether it counts for completion; true if left out
   * @example true
   */
  @IfGiven()
  @IsBoolean()
  is_required?: boolean;
}

/** What to change of a piece of work; what is left out stays. */
export class ChangeActivityDto {
  /**
   * New title
   * @example "Loops"
   */
  @IfGiven()
  @IsPlainText(200)
  title?: string;

  /**
   * `published` or `archived`; what was published once cannot become a draft again
   * @example "archived"
   */
  @IfGiven()
  @IsOneOf('ActivityStatus', activityStatuses)
  status?: ActivityStatus;

  /**
   * New weight in the mean of the course, at most three decimals
   * @example 2
   */
  @IfGiven()
  @IsNumberBetween(0, 10_000, { decimals: 3 })
  weight?: number;

  /**
   * From when it may be handed in, with a time zone; null for always
   * @example "2026-01-12T00:00:00Z"
   */
  @IsOptional()
  @IsInstant()
  opens_at?: string | null;

  /**
   * When it is due, with a time zone, after `opens_at`; null for never. What has been handed in keeps the due date it met
   * @example "2026-02-08T23:59:59Z"
   */
  @IsOptional()
  @IsInstant()
  due_at?: string | null;

  /**
   * Whether it counts for completion
   * @example false
   */
  @IfGiven()
  @IsBoolean()
  is_required?: boolean;
}
