import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Cached } from '../../cache/index.js';
import { courseTrendSql, minutesSql, publishedActivitiesSql } from '../facts/course-blocks.sql.js';
import { type Course, findCourse } from '../facts/course.js';
import { courseFactsSql, enrollmentFactsSql } from '../facts/enrollment-facts.sql.js';
import { rateStudents, type RatedStudent } from '../facts/rated-students.js';
import { allStudents } from '../facts/scope.js';
import { inSnapshot, type Query } from '../facts/snapshot.js';
import type { StudentRow } from '../facts/student-facts.js';
import { twelveMondays } from '../iso-week.js';
import type { CourseAnalyticsDto, CourseStudentDto } from './course-analytics.dto.js';
import { courseStudent } from './course-students.js';
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
   * @throws {Problem} `not_found`
   */
  courseAt(code: string, asOf: Date): Promise<CourseAnalyticsDto> {
    return inSnapshot(this.dataSource, async (query) => {
      const course = await findCourse(query, code, asOf);
      const scope = [[course.id], asOf];
      const [facts] = await query<CourseFacts>(courseFactsSql(allStudents), scope);
      const minutes = await query<MinutesRow>(minutesSql(allStudents), scope);
      const weeks = await query<WeekRow>(courseTrendSql, [
        ...scope,
        twelveMondays(asOf)[0]?.toISOString().slice(0, 10),
      ]);
      const activities = await query<PublishedActivity>(publishedActivitiesSql, [[course.id]]);

      return summarizeCourse(course, asOf, {
        students: rateStudents(facts?.students ?? [], course, asOf),
        activities,
        activityRows: facts?.activities ?? [],
        minutes: new Map(minutes.map((row) => [row.user_id, row.minutes])),
        weeks,
      });
    });
  }

  /**
   * All active students of a course now, in no order. Kept for a minute, so that the pages of a list cost one
   * computation and fit together.
   *
   * @throws {Problem} `not_found`
   */
  @Cached<CourseAnalyticsService['students']>({ ttl: 60, prefix: 'course_students', tags: ['course:{0}'] })
  async students(code: string): Promise<CourseStudentDto[]> {
    const rated = await this.ratedStudents(code, new Date());
    return rated.students.map(courseStudent);
  }

  /**
   * Every active student of a course with his risk at a moment.
   *
   * @throws {Problem} `not_found`
   */
  ratedStudents(code: string, asOf: Date): Promise<{ course: Course; students: readonly RatedStudent[] }> {
    return inSnapshot(this.dataSource, async (query) => {
      const course = await findCourse(query, code, asOf);
      const students = rateStudents(await studentRows(query, course, asOf), course, asOf);
      return { course, students };
    });
  }
}

interface CourseFacts {
  students: StudentRow[] | null;
  activities: ActivityRow[] | null;
}

interface MinutesRow {
  user_id: number;
  minutes: number;
}

async function studentRows(query: Query, course: Course, asOf: Date): Promise<StudentRow[]> {
  const [facts] = await query<Pick<CourseFacts, 'students'>>(enrollmentFactsSql(allStudents), [
    [course.id],
    asOf,
  ]);
  return facts?.students ?? [];
}
