import type { CourseAnalyticsDto } from './courses/course-analytics.dto.js';
import type { CourseStudents } from './courses/course-students.js';
import type { StudentRiskDto } from './students/student-risk.dto.js';

/*
 * What an audit of the cache compares of an answer: figures that nothing but a write can change. Risk goes on by itself, from
 * moment to moment, and with the peers, of whom an answer may know what was true 30 s before it.
 */

export function courseFigures(view: CourseAnalyticsDto): unknown {
  const { course_name, total_students, completion_rate, average_score, median_score, score_quartiles } = view;
  const { tutor, activities, next_deadline_at } = view;
  return {
    course_name,
    total_students,
    completion_rate,
    average_score,
    median_score,
    score_quartiles,
    tutor,
    next_deadline_at,
    activities: activities.map(({ activity_id, title, due_at, points, submitted, graded }) => {
      return { activity_id, title, due_at, points, submitted, graded };
    }),
  };
}

export function courseStudentFigures({ students }: CourseStudents): unknown {
  const figures = students.map(({ student_id, student_name, last_activity_at, ...student }) => {
    const { exercises_completed, total_exercises, average_score } = student;
    return {
      student_id,
      student_name,
      last_activity_at,
      exercises_completed,
      total_exercises,
      average_score,
    };
  });
  return figures.sort((a, b) => (a.student_id < b.student_id ? -1 : 1));
}

export function studentFigures(view: StudentRiskDto): unknown {
  const { student_name, email, status, exercises_completed, total_exercises, completion_rate } = view;
  const { last_activity_at, average_attempts, courses } = view;
  return {
    student_name,
    email,
    status,
    exercises_completed,
    total_exercises,
    completion_rate,
    last_activity_at,
    average_attempts,
    courses: courses.map(({ course_id, enrollment_status, average_score, ...course }) => {
      return { course_id, enrollment_status, average_score, last_activity_at: course.last_activity_at };
    }),
  };
}
