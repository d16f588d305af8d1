import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Cached } from '../../cache/index.js';
import { courseTrendSql, publishedActivitiesSql } from '../facts/course-blocks.sql.js';
import { courseStudentFigures } from '../audited-figures.js';
import { type Course, findCourse } from '../facts/course.js';
import { courseFactsSql, enrollmentFactsSql } from '../facts/enrollment-facts.sql.js';
import { type Moment, momentOf } from '../facts/moment.js';
import { rateStudents, type RatedStudent } from '../facts/rated-students.js';
import { allStudents } from '../facts/scope.js';
import { inSharedSnapshot, inSnapshot, type Query } from '../facts/snapshot.js';
import type { StudentRow } from '../facts/student-facts.js';
import { twelveMondays } from '../iso-week.js';
import { secondsUntilChange } from '../seconds-until-change.js';
import type { CourseAnalyticsDto } from './course-analytics.dto.js';
import { type CourseStudents, courseStudent } from './course-students.js';
import {
  type ActivityRow,
  type PublishedActivity,
  summarizeCourse,
  type WeekRow,
} from './summarize-course.js';

/** Figures of one course and its students. */
@Injectable()
export class CourseAnalyticsService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The course as of a moment; a handful of statements, however many students there are.
   *
   * @param past  the moment; now if left out
   * @throws {Problem} `not_found`
   */
  courseAt(code: string, past?: Date): Promise<CourseAnalyticsDto> {
    return inSharedSnapshot(this.dataSource, async (query, aside) => {
      const moment = await momentOf(query, past);
      const { asOf } = moment;
      const course = await findCourse(query, code, asOf);
      const scope = [[course.id], asOf];
      const firstMonday = twelveMondays(asOf)[0]?.toISOString().slice(0, 10);
      const [[facts], activities, weeks] = await Promise.all([
        query<CourseFacts>(courseFactsSql(allStudents), scope),
        query<PublishedActivity>(publishedActivitiesSql, [[course.id]]),
        aside<WeekRow>(courseTrendSql, [...scope, firstMonday]),
      ]);

      return summarizeCourse(course, moment, {
        students: rateStudents(facts?.students ?? [], course, asOf),
        activities,
        activityRows: facts?.activities ?? [],
        weeks,
      });
    });
  }

  /**
   * All active students of a course now, in no order. Kept for a minute, until the next deadline or a write to the course, so
   * that the pages of a list cost one computation; they fit together as long as it is kept.
   *
   * @throws {Problem} `not_found`
   */
  @Cached<CourseAnalyticsService['students']>({
    ttl: (list) => secondsUntilChange(list, 60),
    prefix: 'course_students',
    shape: 'timed, with confidence',
    tags: ['course:{0}'],
    audit: courseStudentFigures,
  })
  async students(code: string): Promise<CourseStudents> {
    return listed(await this.ratedStudents(code));
  }

  /**
   * All students of a course who were active at a past moment, in no order.
   *
   * @throws {Problem} `not_found`
   */
  @Cached<CourseAnalyticsService['studentsAt']>({
    ttl: 3600,
    prefix: 'course_students_at',
    shape: 'timed, with confidence',
    tags: ['course:{0}'],
    audit: courseStudentFigures,
  })
  async studentsAt(code: string, past: Date): Promise<CourseStudents> {
    return listed(await this.ratedStudents(code, past));
  }

  /**
   * Every active student of a course with their risk at a moment.
   *
   * @param past  the moment; now if left out
   * @throws {Problem} `not_found`
   */
  ratedStudents(code: string, past?: Date): Promise<RatedCourse> {
    return inSnapshot(this.dataSource, async (query) => {
      const moment = await momentOf(query, past);
      const { asOf } = moment;
      const course = await findCourse(query, code, asOf);
      const students = rateStudents(await studentRows(query, course, asOf), course, asOf);
      return { course, students, moment };
    });
  }
}

interface RatedCourse {
  course: Course;
  students: readonly RatedStudent[];
  moment: Moment;
}

function listed({ course, students, moment }: RatedCourse): CourseStudents {
  return {
    students: students.map(courseStudent),
    next_deadline_at: course.nextDeadlineAt?.toISOString() ?? null,
    generated_at: moment.now().toISOString(),
  };
}

interface CourseFacts {
  students: StudentRow[] | null;
  activities: ActivityRow[] | null;
}

async function studentRows(query: Query, course: Course, asOf: Date): Promise<StudentRow[]> {
  const [facts] = await query<Pick<CourseFacts, 'students'>>(enrollmentFactsSql(allStudents), [
    [course.id],
    asOf,
  ]);
  return facts?.students ?? [];
}
