import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { Cached } from '../../cache/index.js';
import { CachedAnswer } from '../../http/cached-answer.decorator.js';
import { StudentId } from '../../records/path-ids.js';
import { idPipeIfGiven } from '../../records/public-id.js';
import { studentFigures } from '../audited-figures.js';
import { asOfParam, PastMomentPipe } from '../past-moment.pipe.js';
import { secondsUntilChange } from '../seconds-until-change.js';
import { StudentRiskDto } from './student-risk.dto.js';
import { StudentRiskService } from './student-risk.service.js';

const courseQuery = {
  name: 'course_id',
  required: false,
  description:
    'One course, such as `PROG-101`, whatever has become of the enrollment; all with an active enrollment if left out',
};

@ApiTags('analytics')
@Controller('analytics/students')
export class StudentRiskController {
  constructor(private readonly risks: StudentRiskService) {}

  /** Shows the risk of a student now, overall and by course, with its factors and what could be done. */
  @Get(':student_id')
  @Access({ admin: 'all', teacher: 'own', student: 'own' })
  @ApiQuery(courseQuery)
  @CachedAnswer()
  @Cached<StudentRiskController['studentRisk']>({
    ttl: (view) => secondsUntilChange(view, 45),
    prefix: 'student_risk',
    scope: 'shared',
    tags: ['student:{student_id}', (_, view) => view.courses.map(({ course_id }) => `roster:${course_id}`)],
    families: ['roster'],
    audit: studentFigures,
  })
  studentRisk(
    @StudentId() studentId: string,
    @Query('course_id', idPipeIfGiven) courseId?: string,
  ): Promise<StudentRiskDto> {
    return this.risks.riskAt(studentId, courseId ?? null);
  }

  /** Shows the risk of a student as it was at a past moment. */
  @Get(':student_id/at/:as_of')
  @Access({ admin: 'all', teacher: 'own', student: 'own' })
  @ApiParam(asOfParam)
  @ApiQuery(courseQuery)
  @CachedAnswer()
  @Cached<StudentRiskController['studentRiskAt']>({
    // The past changes too: its peers' events may come late, and name the student no more than those of now do.
    ttl: 45,
    prefix: 'student_risk_at',
    scope: 'shared',
    tags: ['student:{student_id}', (_, view) => view.courses.map(({ course_id }) => `roster:${course_id}`)],
    families: ['roster'],
    audit: studentFigures,
  })
  studentRiskAt(
    @StudentId() studentId: string,
    @Param('as_of', PastMomentPipe) asOf: Date,
    @Query('course_id', idPipeIfGiven) courseId?: string,
  ): Promise<StudentRiskDto> {
    return this.risks.riskAt(studentId, courseId ?? null, asOf);
  }
}
