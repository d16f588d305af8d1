import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { Cached } from '../../cache/index.js';
import { CachedAnswer } from '../../http/cached-answer.decorator.js';
import { Paged } from '../../http/paged.decorator.js';
import { CourseId } from '../../records/path-ids.js';
import { courseFigures } from '../audited-figures.js';
import { asOfParam, PastMomentPipe } from '../past-moment.pipe.js';
import { secondsUntilChange } from '../seconds-until-change.js';
import { CourseAnalyticsDto, CourseStudentPage } from './course-analytics.dto.js';
import { CourseAnalyticsService } from './course-analytics.service.js';
import { studentPage } from './course-student-page.js';
import { CourseStudentsQuery } from './course-students.query.dto.js';

@ApiTags('analytics')
@Controller('analytics/courses')
export class CourseAnalyticsController {
  constructor(private readonly courses: CourseAnalyticsService) {}

  /** Shows how a course stands now: work, scores, time, tutor, risk, the first 50 students by risk, twelve weeks. */
  @Get(':course_id')
  @Access({ admin: 'all', teacher: 'own' })
  @CachedAnswer()
  @Cached<CourseAnalyticsController['courseAnalytics']>({
    ttl: (view) => secondsUntilChange(view, 60),
    prefix: 'course_analytics',
    scope: 'shared',
    tags: ['course:{course_id}'],
    audit: courseFigures,
  })
  courseAnalytics(@CourseId() courseId: string): Promise<CourseAnalyticsDto> {
    return this.courses.courseAt(courseId);
  }

  /** Shows how a course stood at a past moment. */
  @Get(':course_id/at/:as_of')
  @Access({ admin: 'all', teacher: 'own' })
  @ApiParam(asOfParam)
  @CachedAnswer()
  @Cached<CourseAnalyticsController['courseAnalyticsAt']>({
    ttl: 3600,
    prefix: 'course_analytics_at',
    scope: 'shared',
    tags: ['course:{course_id}'],
    audit: courseFigures,
  })
  courseAnalyticsAt(
    @CourseId() courseId: string,
    @Param('as_of', PastMomentPipe) asOf: Date,
  ): Promise<CourseAnalyticsDto> {
    return this.courses.courseAt(courseId, asOf);
  }

  /**
   * Lists all active students of a course with their risk now. Who moves ahead in the order before the next page is asked for
   * is on neither: a list of 200 at once, or of a past moment, has everybody.
   */
  @Get(':course_id/students')
  @Access({ admin: 'all', teacher: 'own' })
  @Paged()
  async courseStudents(
    @CourseId() courseId: string,
    @Query() query: CourseStudentsQuery,
  ): Promise<CourseStudentPage> {
    const { students } = await this.courses.students(courseId);
    return studentPage(courseId, students, query);
  }

  /** Lists all students of a course who were active at a past moment, with their risk then. */
  @Get(':course_id/at/:as_of/students')
  @Access({ admin: 'all', teacher: 'own' })
  @ApiParam(asOfParam)
  @Paged()
  async courseStudentsAt(
    @CourseId() courseId: string,
    @Param('as_of', PastMomentPipe) asOf: Date,
    @Query() query: CourseStudentsQuery,
  ): Promise<CourseStudentPage> {
    const { students } = await this.courses.studentsAt(courseId, asOf);
    return studentPage(`${courseId}/at/${asOf.toISOString()}`, students, query);
  }
}
