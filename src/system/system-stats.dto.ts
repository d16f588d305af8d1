import { Count, Instant } from '../http/answer-fields.js';

/** People by what they are, deleted ones not counted. */
export class UsersByRole {
  /**
   * Students
   * @example 120
   */
  @Count()
  student!: number;

  /**
   * Teachers
   * @example 8
   */
  @Count()
  teacher!: number;

  /**
   * Administrators
   * @example 2
   */
  @Count()
  admin!: number;
}

/** How much the service holds, and how much happens. Counted, never estimated. */
export class SystemStatsDto {
  /**
   * People of any role, deleted ones not counted
   * @example 130
   */
  @Count()
  total_users!: number;

  /**
   * Tutor sessions ever started
   * @example 2500
   */
  @Count()
  total_sessions!: number;

  /**
   * Submissions, every attempt counted, also void ones
   * @example 1300
   */
  @Count()
  total_attempts!: number;

  /**
   * Tutor sessions started since midnight UTC
   * @example 17
   */
  @Count()
  sessions_today!: number;

  /**
   * When this was computed; unchanged when served from the cache
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  timestamp!: string;

  /**
   * People with an event, a submission, a session or a message in the last 24 hours
   * @example 61
   */
  @Count()
  active_users_24h!: number;

  /**
   * Tutor sessions that were started and not ended, however long ago: one that nobody ends stays open
   * @example 3
   */
  @Count()
  open_sessions!: number;

  /**
   * Courses
   * @example 4
   */
  @Count()
  total_courses!: number;

  /**
   * Enrollments of any role and status
   * @example 160
   */
  @Count()
  total_enrollments!: number;

  /**
   * Learning events
   * @example 50000
   */
  @Count()
  total_events!: number;

  /**
   * Whether `total_events` is exact; an estimate would say false
   * @example true
   */
  total_events_exact!: boolean;

  /** People by role */
  users_by_role!: UsersByRole;
}
