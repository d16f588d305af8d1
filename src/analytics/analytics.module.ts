import { Module } from '@nestjs/common';
import { CourseAnalyticsController } from './courses/course-analytics.controller.js';
import { CourseAnalyticsService } from './courses/course-analytics.service.js';
import { PeerActivityService } from './students/peer-activity.service.js';
import { StudentRiskController } from './students/student-risk.controller.js';
import { StudentRiskService } from './students/student-risk.service.js';

/** What is read: figures of courses, and the risk of students. Reads the records' tables and never writes. */
@Module({
  controllers: [CourseAnalyticsController, StudentRiskController],
  providers: [CourseAnalyticsService, PeerActivityService, StudentRiskService],
})
export class AnalyticsModule {}
