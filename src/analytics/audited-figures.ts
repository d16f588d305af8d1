import type { CourseAnalyticsDto } from './courses/course-analytics.dto.js';
import type { CourseStudents } from './courses/course-students.js';
import type { StudentRiskDto } from './students/student-risk.dto.js';

/*
 * What an audit of the cache compares of an answer: figures that nothing but a write can change. Risk goes on by itself, from
 * moment to moment, and with the peers, of whom an answer may know what was true 30 s before it.
 */

export function courseFigures(view: CourseAnalyticsDto): unknown {
  return {
    ...pick(view, 'course_name', 'total_students', 'completion_rate', 'average_score', 'median_score'),
    ...pick(view, 'score_quartiles', 'tutor', 'next_deadline_at'),
    activities: view.activities.map((activity) =>
      pick(activity, 'activity_id', 'title', 'due_at', 'points', 'submitted', 'graded'),
    ),
  };
}

export function courseStudentFigures({ students }: CourseStudents): unknown {
  const figures = students.map((student) => ({
    ...pick(student, 'student_id', 'student_name', 'last_activity_at'),
    ...pick(student, 'exercises_completed', 'total_exercises', 'average_score'),
  }));
  return figures.sort((a, b) => (a.student_id < b.student_id ? -1 : 1));
}

export function studentFigures(view: StudentRiskDto): unknown {
  return {
    ...pick(view, 'student_name', 'email', 'status', 'exercises_completed', 'total_exercises'),
    ...pick(view, 'completion_rate', 'last_activity_at', 'average_attempts'),
    courses: view.courses.map((course) =>
      pick(course, 'course_id', 'enrollment_status', 'average_score', 'last_activity_at'),
    ),
  };
}

function pick<T extends object, Name extends keyof T>(from: T, ...names: readonly Name[]): Pick<T, Name> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, Name>;
}
