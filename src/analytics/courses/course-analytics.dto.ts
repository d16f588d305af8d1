import { Amount, Count, Instant, OneOf, Percent, PercentQuartiles, Share } from '../../http/answer-fields.js';
import { type FactorCode, factorCodes } from '../risk/risk-factors.js';
import { type CoursePhase, coursePhases } from '../risk/risk-facts.js';
import { type Confidence, confidences, type RiskLevel, riskLevels } from '../risk/risk-model.js';
import { AnswerTimes } from '../answer-times.dto.js';

/** How the published activities stand, counted over students; banked (carried over) work is left out. */
export class TardinessDto {
  /**
   * First attempt, by `attempt_no`, submitted by the due date (seconds ignored), or no due date; pairs of student and activity
   * @example 310
   */
  @Count()
  on_time!: number;

  /**
   * First attempt, by `attempt_no`, submitted after the due date
   * @example 41
   */
  @Count()
  late!: number;

  /**
   * Due, and nothing submitted
   * @example 22
   */
  @Count()
  missing!: number;

  /**
   * Nothing submitted, and not due yet
   * @example 107
   */
  @Count()
  floating!: number;

  /**
   * Sum of the four
   * @example 480
   */
  @Count()
  total!: number;
}

/** Time in tutor sessions: at most 240 minutes each, overlapping sessions of a student counted once. */
export class TimeOnTaskDto {
  /**
   * All students together, minutes
   * @example 18340.5
   */
  @Amount()
  total!: number;

  /**
   * Median over all active students, minutes; null without students
   * @example 295.2
   */
  @Amount()
  median_per_student!: number | null;
}

/** Use of the tutor by the active students. */
export class TutorUseDto {
  /**
   * Sessions
   * @example 940
   */
  @Count()
  sessions!: number;

  /**
   * Messages of both sides
   * @example 5620
   */
  @Count()
  messages!: number;

  /**
   * Messages of both sides for each active student; null without students
   * @example 93.67
   */
  @Amount()
  messages_per_student!: number | null;

  /**
   * Hints that the tutor gave
   * @example 811
   */
  @Count()
  hints!: number;
}

/** Number of active students at each level of risk. */
export class LevelCountsDto {
  /**
   * Score below 0.20
   * @example 31
   */
  @Count()
  low!: number;

  /**
   * Score from 0.20 to below 0.40
   * @example 15
   */
  @Count()
  medium!: number;

  /**
   * Score from 0.40 to below 0.60
   * @example 8
   */
  @Count()
  high!: number;

  /**
   * Score from 0.60
   * @example 4
   */
  @Count()
  critical!: number;

  /**
   * Too little is known
   * @example 2
   */
  @Count()
  unknown!: number;
}

/**
 * How one activity stands, as shares (0-1) of the active students whose work in it was not banked (carried over); null without
 * any.
 */
export class TardinessSharesDto {
  /**
   * Submitted by the due date, 0-1
   * @example 0.7167
   */
  @Share()
  on_time_share!: number | null;

  /**
   * Submitted after the due date, 0-1
   * @example 0.15
   */
  @Share()
  late_share!: number | null;

  /**
   * Due, and nothing submitted, 0-1
   * @example 0.1333
   */
  @Share()
  missing_share!: number | null;

  /**
   * Nothing submitted, and not due yet, 0-1
   * @example 0
   */
  @Share()
  floating_share!: number | null;
}

/** One published activity of the course. */
export class ActivityFiguresDto {
  /**
   * Public id
   * @example "PROG-101-A01"
   */
  activity_id!: string;

  /**
   * Title
   * @example "Loops"
   */
  title!: string;

  /**
   * When it is due (UTC); null for never
   * @example "2026-02-01T23:59:59.000Z"
   */
  @Instant()
  due_at!: string | null;

  /**
   * Points to reach
   * @example 100
   */
  @Amount()
  points!: number;

  /**
   * Active students who submitted it
   * @example 52
   */
  @Count()
  submitted!: number;

  /**
   * Active students whose latest attempt, by `attempt_no`, is graded: its score is theirs
   * @example 49
   */
  @Count()
  graded!: number;

  /** On time, late, missing or floating */
  tardiness!: TardinessSharesDto;

  /**
   * Minimum, first quartile, median, third quartile and maximum of the scores, 0-100; null without grades
   * @example [31, 62.5, 74, 85.25, 100]
   */
  @PercentQuartiles()
  score_quartiles!: number[] | null;

  /**
   * Mean of the scores, 0-100; null without grades
   * @example 72.41
   */
  @Percent()
  average_score!: number | null;
}

/** One student of the course. */
export class CourseStudentDto {
  /**
   * Public id
   * @example "STU001"
   */
  student_id!: string;

  /**
   * Full name; null if not known
   * @example "Ada Lovelace"
   */
  student_name!: string | null;

  /**
   * Risk in this course, 0-1; null while too little is known
   * @example 0.4719
   */
  @Share()
  risk_score!: number | null;

  /**
   * Level of the risk
   * @example "high"
   */
  @OneOf('RiskLevel', riskLevels)
  risk_level!: RiskLevel;

  /**
   * Whether the level is high or critical
   * @example true
   */
  is_at_risk!: boolean;

  /**
   * How far to trust the score: low while little is due or few factors apply, whatever the level
   * @example "medium"
   */
  @OneOf('Confidence', confidences)
  confidence!: Confidence;

  /**
   * The factor that adds most to the risk; null if none adds anything
   * @example "low_scores"
   */
  @OneOf('FactorCode', factorCodes, { nullable: true })
  top_factor!: FactorCode | null;

  /**
   * Last activity in this course (UTC); null if never active
   * @example "2026-01-29T18:52:18.000Z"
   */
  @Instant()
  last_activity_at!: string | null;

  /**
   * Required published activities with a submission
   * @example 3
   */
  @Count()
  exercises_completed!: number;

  /**
   * Required published activities
   * @example 8
   */
  @Count()
  total_exercises!: number;

  /**
   * Mean score of the graded work by weight, 0-100; null without grades
   * @example 45.5
   */
  @Percent()
  average_score!: number | null;
}

/** One ISO week of the course. */
export class CourseWeekDto {
  /**
   * ISO 8601 week
   * @example "2026-W06"
   */
  week!: string;

  /**
   * Students with any activity in the week
   * @example 48
   */
  @Count()
  active_students!: number;

  /**
   * Attempts submitted in the week
   * @example 63
   */
  @Count()
  submissions!: number;

  /**
   * Mean score of the graded attempts among them, 0-100; null without grades
   * @example 71.93
   */
  @Percent()
  average_score!: number | null;
}

/**
 * A course at one moment. Only active student enrollments count, and only what had happened by then; but publication, weights,
 * due dates, corrected grades and voided attempts have no history, and count as they are today. What is undefined is null,
 * never 0.
 */
export class CourseAnalyticsDto extends AnswerTimes {
  /**
   * The course
   * @example "PROG-101"
   */
  course_id!: string;

  /**
   * Its name
   * @example "Introduction to Programming"
   */
  course_name!: string;

  /**
   * `upcoming` before it starts (nobody has a risk), `finished` after its end (days since the last activity count no more;
   * active days of the last 14 do, as long as the students still have any)
   * @example "running"
   */
  @OneOf('CoursePhase', coursePhases)
  phase!: CoursePhase;

  /**
   * Active student enrollments
   * @example 60
   */
  @Count()
  total_students!: number;

  /**
   * Students with any activity in the last 7 days
   * @example 48
   */
  @Count()
  active_students_7d!: number;

  /**
   * The same as a share of all students, 0-1; null without students
   * @example 0.8
   */
  @Share()
  active_rate_7d!: number | null;

  /**
   * Submitted share of all required activities of all students, due or not, 0-1; null if there are none
   * @example 0.7188
   */
  @Share()
  completion_rate!: number | null;

  /**
   * The same over the activities that are due, 0-1; null if there are none
   * @example 0.9409
   */
  @Share()
  due_completion_rate!: number | null;

  /** How the published activities of all students stand */
  tardiness!: TardinessDto;

  /**
   * Mean over the students with a grade of their mean score by weight, 0-100; null without grades
   * @example 70.62
   */
  @Percent()
  average_score!: number | null;

  /**
   * Median of the same, 0-100; null without grades
   * @example 72.4
   */
  @Percent()
  median_score!: number | null;

  /**
   * Minimum, first quartile, median, third quartile and maximum of the same, 0-100; null without grades
   * @example [22.5, 61.3, 72.4, 83.1, 98]
   */
  @PercentQuartiles()
  score_quartiles!: number[] | null;

  /**
   * Share of the students with a grade whose mean reaches the pass mark, 0-1; null without grades
   * @example 0.7712
   */
  @Share()
  pass_rate!: number | null;

  /** Time in tutor sessions */
  time_on_task_minutes!: TimeOnTaskDto;

  /** Use of the tutor */
  tutor!: TutorUseDto;

  /**
   * Mean risk of the students whose risk is known, 0-1; null if of none
   * @example 0.2314
   */
  @Share()
  average_risk!: number | null;

  /**
   * Median of the same, 0-1; null if of none
   * @example 0.1842
   */
  @Share()
  median_risk!: number | null;

  /**
   * Students at level high or critical
   * @example 12
   */
  @Count()
  students_at_risk!: number;

  /**
   * The same as a share of the students whose risk is known, 0-1; null if of none
   * @example 0.2069
   */
  @Share()
  risk_share!: number | null;

  /** Students by level */
  level_counts!: LevelCountsDto;

  /**
   * Whether anybody is at level critical
   * @example true
   */
  has_critical_risks!: boolean;

  /** The published activities, by due date */
  activities!: ActivityFiguresDto[];

  /** The first 50 students, the highest risk first; `/students` behind this address lists all of them */
  students!: CourseStudentDto[];

  /** Twelve ISO weeks, the oldest first */
  trend!: CourseWeekDto[];
}

/** A page of the students of a course. */
export class CourseStudentPage {
  /** The students of this page */
  data!: CourseStudentDto[];

  /**
   * Cursor of the next page; null on the last
   * @example "WyJjb3Vyc2Vfc3R1ZGVudHMvUFJPRy0xMDEvcmlzayIsLTAuNDcxOSwiU1RVMDAxIl0"
   */
  next_cursor!: string | null;
}
