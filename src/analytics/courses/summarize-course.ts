import type { Course } from '../facts/course.js';
import type { Moment } from '../facts/moment.js';
import type { RatedStudent } from '../facts/rated-students.js';
import { phaseAt, type StudentRow, tardiness } from '../facts/student-facts.js';
import { isoWeek, twelveMondays } from '../iso-week.js';
import { modelVersion, type RiskLevel } from '../risk/risk-model.js';
import { inOrder, mean, meanOfRounded, median, quantile, ratio, rounded, sum } from '../statistics.js';
import type {
  ActivityFiguresDto,
  CourseAnalyticsDto,
  CourseWeekDto,
  LevelCountsDto,
  TardinessDto,
} from './course-analytics.dto.js';
import { courseStudent, inOrderOf } from './course-students.js';

export interface PublishedActivity {
  id: number;
  code: string;
  title: string;
  dueAt: Date | null;
  points: number;
}

/** Figures of one activity; activities nobody has touched have none. Scores in hundredths. */
export interface ActivityRow {
  id: number;
  banked: number;
  submitted: number;
  late: number;
  graded: number;
  mean_score: number | null;
  quartiles: number[] | null;
}

export interface WeekRow {
  active_students: number;
  submissions: number;
  average_score: number | null;
}

interface CourseFigures {
  readonly students: readonly RatedStudent[];
  readonly activities: readonly PublishedActivity[];
  readonly activityRows: readonly ActivityRow[];
  readonly weeks: readonly WeekRow[];
}

/** Puts the answer together. */
export function summarizeCourse(course: Course, moment: Moment, figures: CourseFigures): CourseAnalyticsDto {
  const { asOf } = moment;
  const { students } = figures;
  const rows = students.map(({ row }) => row);
  const total = rows.length;
  const add = (count: (row: StudentRow) => number | null) => sum(rows.map((row) => count(row) ?? 0));
  const active = rows.filter((row) => row.is_active_7d).length;
  const messages = add((row) => row.messages);
  const minutesOfEach = rows.map(({ minutes }) => minutes);

  return {
    course_id: course.code,
    course_name: course.name,
    phase: phaseAt(course, asOf),
    total_students: total,
    active_students_7d: active,
    active_rate_7d: ratio(active, total),
    completion_rate: ratio(
      add((row) => row.completed),
      add((row) => row.required),
    ),
    due_completion_rate: ratio(
      add((row) => row.completed_due),
      add((row) => row.due_required),
    ),
    tardiness: addTardiness(rows),
    ...scores(rows, course.passMark),
    time_on_task_minutes: {
      total: rounded(sum(minutesOfEach), 1),
      median_per_student: rounded(median(minutesOfEach), 1),
    },
    tutor: {
      sessions: add((row) => row.sessions),
      messages,
      messages_per_student: total === 0 ? null : rounded(messages / total, 2),
      hints: add((row) => row.hints),
    },
    ...risks(students),
    activities: activityFigures(figures, total, asOf),
    students: inOrderOf(students.map(courseStudent), 'risk').slice(0, 50),
    trend: weeks(figures.weeks, asOf),
    next_deadline_at: course.nextDeadlineAt?.toISOString() ?? null,
    as_of: asOf.toISOString(),
    generated_at: moment.now().toISOString(),
    model_version: modelVersion,
  };
}

function addTardiness(rows: readonly StudentRow[]): TardinessDto {
  const all: TardinessDto = { on_time: 0, late: 0, missing: 0, floating: 0, total: 0 };
  for (const one of rows.map(tardiness)) {
    all.on_time += one.on_time;
    all.late += one.late;
    all.missing += one.missing;
    all.floating += one.floating;
    all.total += one.total;
  }
  return all;
}

function scores(
  rows: readonly StudentRow[],
  passMark: number,
): Pick<CourseAnalyticsDto, 'average_score' | 'median_score' | 'score_quartiles' | 'pass_rate'> {
  const means = inOrder(rows.map(({ mean_score }) => mean_score).filter((score) => score !== null));
  return {
    average_score: rounded(mean(means), 2),
    median_score: rounded(quantile(means, 0.5), 2),
    score_quartiles:
      means.length === 0 ? null : [0, 0.25, 0.5, 0.75, 1].map((at) => rounded(quantile(means, at) ?? 0, 2)),
    pass_rate: ratio(means.filter((score) => score >= passMark).length, means.length),
  };
}

type RiskBlock = Pick<
  CourseAnalyticsDto,
  'average_risk' | 'median_risk' | 'students_at_risk' | 'risk_share' | 'level_counts' | 'has_critical_risks'
>;

function risks(students: readonly RatedStudent[]): RiskBlock {
  const known = students.map(({ risk }) => risk.score).filter((score) => score !== null);
  const atRisk = students.filter(({ risk }) => risk.isAtRisk).length;
  const level = (name: RiskLevel) => students.filter(({ risk }) => risk.level === name).length;
  const level_counts: LevelCountsDto = {
    low: level('low'),
    medium: level('medium'),
    high: level('high'),
    critical: level('critical'),
    unknown: level('unknown'),
  };
  return {
    average_risk: meanOfRounded(known, 4),
    median_risk: rounded(median(known), 4),
    students_at_risk: atRisk,
    risk_share: ratio(atRisk, known.length),
    level_counts,
    has_critical_risks: level_counts.critical > 0,
  };
}

function activityFigures(
  { activities, activityRows }: CourseFigures,
  studentCount: number,
  asOf: Date,
): ActivityFiguresDto[] {
  const byId = new Map(activityRows.map((row) => [row.id, row]));
  return activities.map(({ id, code, title, dueAt, points }) => {
    const row = byId.get(id);
    const submitted = row?.submitted ?? 0;
    const late = row?.late ?? 0;
    const expected = studentCount - (row?.banked ?? 0);
    const open = expected - submitted;
    const isDue = dueAt !== null && dueAt <= asOf;
    const score = (hundredths: number) => rounded(hundredths / 100, 2);
    return {
      activity_id: code,
      title,
      due_at: dueAt?.toISOString() ?? null,
      points,
      submitted,
      graded: row?.graded ?? 0,
      tardiness: {
        on_time_share: ratio(submitted - late, expected),
        late_share: ratio(late, expected),
        missing_share: ratio(isDue ? open : 0, expected),
        floating_share: ratio(isDue ? 0 : open, expected),
      },
      score_quartiles: row?.graded ? (row.quartiles ?? []).map(score) : null,
      average_score: typeof row?.mean_score === 'number' ? score(row.mean_score) : null,
    };
  });
}

function weeks(rows: readonly WeekRow[], asOf: Date): CourseWeekDto[] {
  const mondays = twelveMondays(asOf);
  return rows.map(({ active_students, submissions, average_score }, i) => ({
    week: isoWeek(mondays[i] ?? asOf),
    active_students,
    submissions,
    average_score: rounded(average_score, 2),
  }));
}
