import { Module } from '@nestjs/common';
import { CourseAnalyticsService } from './courses/course-analytics.service.js';
import { RiskService } from './risk.service.js';

/** What is read: figures of courses, and the risk of students. Reads the records' tables and never writes. */
@Module({
  providers: [CourseAnalyticsService, RiskService],
  exports: [RiskService],
})
export class AnalyticsModule {}
