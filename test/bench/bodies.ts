/** The three sizes of body, bytes of JSON. */
export const sizes = [300, 8_000, 200_000] as const;
/** How many different bodies of each size are asked for, in turn. */
export const ids = 50;

interface Student {
  readonly student_id: string;
  readonly risk_permille: number;
  readonly risk_level: string;
  readonly events: number;
}

export interface Course {
  readonly course_id: string;
  readonly students: readonly Student[];
  readonly note: string;
}

/** What a database would have answered. All values are of one width, so that the size does not depend on the id. */
const rows = Array.from({ length: 4096 }, (_, i) => ({
  code: i,
  risk: 100 + ((i * 37) % 900),
  events: 1000 + ((i * 7919) % 9000),
}));

/** How many answers this process has built. */
export const built = { count: 0 };

/**
 * What a handler returns: built from the rows at each call, as in an application without a cache.
 *
 * @param size  bytes of its JSON, at least 200
 */
export function courseOf(size: number, id: number): Course {
  built.count++;
  const { students, note } = layoutOf(size);
  return {
    course_id: courseId(id),
    students: Array.from({ length: students }, (_, i) => studentOf(id + i)),
    note,
  };
}

/** The bytes of {@link courseOf} that every contender must send. */
export function bodyOf(size: number, id: number): string {
  return JSON.stringify(courseOf(size, id));
}

/** The path at which every contender serves a body. */
export function pathOf(size: number, id: number): string {
  return `/courses/${size}/${id}`;
}

/** The paths of all bodies of a size, in turn. */
export function pathsOf(size: number): string[] {
  return Array.from({ length: ids }, (_, id) => pathOf(size, id));
}

function studentOf(index: number): Student {
  const row = rows[index % rows.length]!;
  return {
    student_id: `STU${String(row.code).padStart(4, '0')}`,
    risk_permille: row.risk,
    risk_level: row.risk > 700 ? 'high' : row.risk > 400 ? 'some' : 'none',
    events: row.events,
  };
}

function courseId(id: number): string {
  return `PROG-${String(id).padStart(8, '0')}`;
}

interface Layout {
  readonly students: number;
  readonly note: string;
}

const layouts = new Map<number, Layout>();

function layoutOf(size: number): Layout {
  let layout = layouts.get(size);
  if (!layout) {
    const empty = JSON.stringify({ course_id: courseId(0), students: [], note: '' }).length;
    const student = JSON.stringify(studentOf(0)).length + 1;
    const students = Math.floor((size - empty) / student);
    const left = size - empty - students * student + (students > 0 ? 1 : 0);
    layout = { students, note: 'x'.repeat(left) };
    layouts.set(size, layout);
  }
  return layout;
}
