export const presetNames = ['seed-doc', 'demo', 'bench-1m', 'hot-course'] as const;
export type PresetName = (typeof presetNames)[number];

interface CourseSize {
  readonly code: string;
  readonly name: string;
  readonly students: number;
  /** Time since the start ÷ length at the as-of moment; above 1 the course is over. */
  readonly elapsed: number;
}

/** How many rows of each kind a preset has; exact. */
export interface Preset {
  readonly students: number;
  readonly teachers: number;
  readonly admins: number;
  readonly teachersPerCourse: number;
  readonly courses: readonly CourseSize[];
  readonly activitiesPerCourse: number;
  readonly submissions: number;
  readonly sessions: number;
  readonly messages: number;
  readonly events: number;
}

const course = (code: string, name: string, students: number, elapsed: number): CourseSize => ({
  code,
  name,
  students,
  elapsed,
});

// Places are filled with students in turn: those beyond the number of students go to the first students again,
// in the last courses. So about one student in ten has two courses, and PROG-101 starts with STU001.
export const presets: Readonly<Record<PresetName, Preset>> = {
  'seed-doc': {
    students: 7,
    teachers: 1,
    admins: 1,
    teachersPerCourse: 1,
    courses: [
      course('PROG-101', 'Introduction to Programming', 5, 0.62),
      course('DATA-201', 'Data Structures', 3, 0.8),
    ],
    activitiesPerCourse: 4,
    submissions: 40,
    sessions: 30,
    messages: 150,
    events: 500,
  },
  demo: {
    students: 120,
    teachers: 8,
    admins: 2,
    teachersPerCourse: 2,
    courses: [
      course('PROG-101', 'Introduction to Programming', 60, 0.62),
      course('DATA-201', 'Data Structures', 40, 0.45),
      course('WEB-150', 'Web Development', 20, 0.85),
      course('ALGO-210', 'Algorithms', 32, 1.25),
    ],
    activitiesPerCourse: 10,
    submissions: 1_300,
    sessions: 2_500,
    messages: 15_000,
    events: 50_000,
  },
  'bench-1m': {
    students: 2_650,
    teachers: 48,
    admins: 2,
    teachersPerCourse: 4,
    courses: [
      course('PROG-101', 'Introduction to Programming', 700, 0.62),
      course('DATA-201', 'Data Structures', 470, 0.45),
      course('WEB-150', 'Web Development', 352, 0.85),
      course('ALGO-210', 'Algorithms', 300, 1.25),
      course('DB-220', 'Databases', 250, 0.7),
      course('NET-230', 'Computer Networks', 210, 0.55),
      course('OS-240', 'Operating Systems', 180, 0.9),
      course('ML-310', 'Machine Learning', 150, 1.4),
      course('SEC-320', 'Security', 120, 0.75),
      course('UX-160', 'User Interfaces', 84, 0.95),
      course('TEST-250', 'Software Testing', 76, 0.65),
      course('MATH-110', 'Discrete Mathematics', 60, 1.15),
    ],
    activitiesPerCourse: 12,
    submissions: 30_000,
    sessions: 60_000,
    messages: 350_000,
    events: 1_000_000,
  },
  'hot-course': {
    students: 5_000,
    teachers: 1,
    admins: 1,
    teachersPerCourse: 1,
    courses: [course('PROG-101', 'Introduction to Programming', 5_000, 0.62)],
    activitiesPerCourse: 30,
    submissions: 100_000,
    sessions: 100_000,
    messages: 0,
    events: 1_000_000,
  },
};
