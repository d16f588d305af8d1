import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { foundNoConnection } from '../../database/fail-fast-pool.js';
import type { Course } from '../facts/course.js';
import { momentOf } from '../facts/moment.js';
import { inPreparedSnapshot } from '../facts/snapshot.js';
import { riskFacts } from '../facts/student-facts.js';
import { isoWeek, mondayOf } from '../iso-week.js';
import { assessRisk, modelVersion } from '../risk/risk-model.js';
import { courseRisk, endedCourseRisk } from './course-risk.js';
import { firstDeadline, overallRisk } from './overall-risk.js';
import { PeerActivityService } from './peer-activity.service.js';
import type { CourseRiskDto, RiskWeekDto, StudentRiskDto } from './student-risk.dto.js';
import { namedWork, readStudentSnapshot, rowsNow, type StudentSnapshot } from './student-snapshot.js';

/** The risk of one student, overall and by course. */
@Injectable()
export class StudentRiskService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly peers: PeerActivityService,
  ) {}

  /**
   * @param courseCode  one course, whatever has become of the enrollment; `null` for all with an active enrollment
   * @param past        now, if left out. Peers are then as they were up to 30 s before, so that all students of a course can
   *                    share what is known of them.
   * @throws {Problem} `not_found` for an unknown student, or one who is not enrolled in the course
   */
  async riskAt(studentCode: string, courseCode: string | null, past?: Date): Promise<StudentRiskDto> {
    // Asked outside the snapshot's connection, and while it is busy. Its answer is awaited after that connection is
    // free again, so that requests never hold one while they wait for another, and whoever found no other asks once more.
    const peers = new Map<number, () => Promise<(number | null)[]>>();
    const snapshot = await inPreparedSnapshot(this.dataSource, async (query) => {
      const moment = await momentOf(query, past);
      const peersAsOf = (past ?? halfMinuteOf(moment.asOf)).toISOString();
      return readStudentSnapshot(query, studentCode, courseCode, moment, (courseId) => {
        const ask = () => this.peers.medians(courseId, peersAsOf);
        const asked = ask();
        asked.catch(() => undefined);
        peers.set(courseId, () =>
          asked.catch((error: unknown) => (foundNoConnection(error) ? ask() : asked)),
        );
      });
    });
    const { asOf } = snapshot.moment;
    const courses: CourseRiskDto[] = [];
    for (const { course, status } of snapshot.enrollments) {
      const row = rowsNow(snapshot).find(({ course_id }) => course_id === course.id);
      const medians = await peers.get(course.id)?.();
      if (row && medians) {
        courses.push(
          courseRisk(course, asOf, {
            row,
            medianActiveDays: medians.at(-1) ?? null,
            work: namedWork(snapshot, course),
            trend: trend(snapshot, course, medians),
          }),
        );
      } else {
        courses.push(endedCourseRisk(course, status, asOf));
      }
    }
    return {
      ...overallRisk(snapshot, courses),
      course_id: courseCode,
      courses,
      next_deadline_at: firstDeadline(snapshot.enrollments),
      as_of: asOf.toISOString(),
      generated_at: snapshot.moment.now().toISOString(),
      model_version: modelVersion,
    };
  }
}

/** When the half minute began that a moment lies in. */
function halfMinuteOf(moment: Date): Date {
  return new Date(moment.getTime() - (moment.getTime() % 30_000));
}

/** The model at the end of each week since the student came in, then at the moment. */
function trend(
  { history }: StudentSnapshot,
  course: Course,
  medians: readonly (number | null)[],
): RiskWeekDto[] {
  return history.flatMap(({ moment, rows }, i) => {
    const row = rows.find(({ course_id }) => course_id === course.id);
    if (!row || Date.parse(row.in_since) > moment.getTime()) return [];
    const facts = riskFacts(row, course, moment, medians[i] ?? null);
    return [{ week: isoWeek(mondayOf(moment)), score: assessRisk(facts).score }];
  });
}
