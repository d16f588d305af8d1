import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { Cached } from '../../cache/index.js';
import { CachedAnswer } from '../../http/cached-answer.decorator.js';
import { decodeCursor, encodeCursor, foreignCursor } from '../../http/page.dto.js';
import { Paged } from '../../http/paged.decorator.js';
import { CourseId } from '../../records/path-ids.js';
import { courseFigures } from '../audited-figures.js';
import { asOfParam, PastMomentPipe } from '../past-moment.pipe.js';
import { secondsUntilChange } from '../seconds-until-change.js';
import { CourseAnalyticsDto, CourseStudentPage } from './course-analytics.dto.js';
import { CourseAnalyticsService } from './course-analytics.service.js';
import { comparePlaces, inOrderOf, placeOf, type StudentOrder, valueTypes } from './course-students.js';
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

  /** Lists all active students of a course with their risk now. */
  @Get(':course_id/students')
  @Access({ admin: 'all', teacher: 'own' })
  @Paged()
  async courseStudents(
    @CourseId() courseId: string,
    @Query() { limit, cursor, sort }: CourseStudentsQuery,
  ): Promise<CourseStudentPage> {
    const { students: all } = await this.courses.students(courseId);
    const list = `course_students/${courseId}/${sort}`;
    const students = inOrderOf(all, sort);
    const last = cursor === undefined ? undefined : placeFrom(list, cursor, sort);
    const rest = last
      ? students.filter((student) => comparePlaces(placeOf(student, sort), last) > 0)
      : students;
    const data = rest.slice(0, limit);
    const end = data.at(-1);
    return { data, next_cursor: rest.length > limit && end ? encodeCursor(list, placeOf(end, sort)) : null };
  }
}

function placeFrom(list: string, cursor: string, sort: StudentOrder): [number | string | null, string] {
  const [value = null, studentId] = decodeCursor(list, cursor, 2);
  if (typeof studentId === 'string' && (value === null || typeof value === valueTypes[sort])) {
    return [value, studentId];
  }
  throw foreignCursor();
}
