import { Injectable } from '@nestjs/common';
import { CourseAnalyticsService } from './courses/course-analytics.service.js';
import type { RiskLevel } from './risk/risk-model.js';

/** Risk of one enrollment: `risk_score` 0-1, `null` while too little is known. */
export interface EnrollmentRisk {
  student_id: string;
  risk_score: number | null;
  risk_level: RiskLevel;
}

/** What other features may ask about risk. */
@Injectable()
export class RiskService {
  constructor(private readonly courses: CourseAnalyticsService) {}

  /**
   * The risk of every student who was active in the course at `asOf`, by id; computed anew each time.
   *
   * @throws {Problem} `not_found`
   */
  async courseRisks(courseCode: string, asOf: Date): Promise<EnrollmentRisk[]> {
    const { students } = await this.courses.ratedStudents(courseCode, asOf);
    return students
      .map(({ row, risk }) => ({
        student_id: row.student_id,
        risk_score: risk.score,
        risk_level: risk.level,
      }))
      .sort((a, b) => (a.student_id < b.student_id ? -1 : 1));
  }
}
