import type { BatchDto, LineError } from './event.dto.js';
import type { EventLine } from './event-line.js';
import type { Outcome } from './event-writer.js';

const maxErrors = 100;
const maxStudentTags = 500;

/** Counts what becomes of the lines of a batch. */
export class BatchTally {
  #received = 0;
  #accepted = 0;
  #duplicates = 0;
  #rejected = 0;
  readonly #errors: LineError[] = [];
  /**
   * Per course those students who have events in it, until they are too many to name: also such as are known already, which
   * the first half of a batch has stored that is still under way, or failed.
   */
  readonly #students = new Map<string, Set<string>>();
  /** Courses of which nothing so early was known: what it says of absence has changed for all who are in them. */
  readonly #firstTraces = new Set<string>();

  get rejected(): number {
    return this.#rejected;
  }

  /** @param outcomes  one for each line, in their order */
  add(lines: readonly EventLine[], outcomes: readonly Outcome[]): void {
    lines.forEach((line, index) => {
      const outcome = outcomes[index];
      if (outcome) this.#count(line, outcome);
    });
  }

  /**
   * None where nothing is new. One tag for each student; one for all of a course with a first trace, or with over 500
   * students.
   */
  tags(): string[] {
    if (this.#accepted === 0) return [];
    const students = new Set<string>();
    const rosters: string[] = [];
    for (const [course, active] of this.#students) {
      const areTooMany = active.size > maxStudentTags;
      if (areTooMany || this.#firstTraces.has(course)) rosters.push(`roster:${course}`);
      if (!areTooMany) active.forEach((student) => students.add(`student:${student}`));
    }
    const courses = [...this.#students.keys()].map((course) => `course:${course}`);
    return ['system', ...courses, ...rosters, ...students];
  }

  result(): BatchDto {
    return {
      received: this.#received,
      accepted: this.#accepted,
      duplicates: this.#duplicates,
      rejected: this.#rejected,
      errors: [...this.#errors],
      invalidated_tags: this.tags(),
    };
  }

  #count(line: EventLine, outcome: Outcome): void {
    this.#received += 1;
    if (typeof outcome === 'object') {
      this.#rejected += 1;
      if (this.#errors.length < maxErrors) this.#errors.push({ line: line.number, ...outcome });
      return;
    }
    if (outcome === 'duplicate') this.#duplicates += 1;
    else this.#accepted += 1;
    if (!('event' in line)) return;
    const { course_id, student_id } = line.event;
    this.#touch(course_id, student_id);
    if (outcome === 'first_trace') this.#firstTraces.add(course_id);
  }

  #touch(course: string, student: string): void {
    const students = this.#students.get(course) ?? new Set();
    if (students.size <= maxStudentTags) students.add(student);
    this.#students.set(course, students);
  }
}
