import type { CourseStudentDto } from './course-analytics.dto.js';
import { comparePlaces, inOrderOf, placeOf, type StudentOrder } from './course-students.js';

const student = (one: Partial<CourseStudentDto>) => one as CourseStudentDto;
const named = (...names: (string | null)[]) =>
  names.map((student_name, i) => student({ student_id: `STU${i}`, student_name }));

describe('the order of students', () => {
  it('by name is that of the alphabet, capitals and accents aside, and who has none comes last', () => {
    const students = named('Zoe', 'de Vries', null, 'Åsa Öberg', 'Dean', 'anna', 'Anna', 'Émile');

    expect(inOrderOf(students, 'name').map(({ student_name }) => student_name)).toEqual([
      'anna',
      'Anna',
      'Åsa Öberg',
      'de Vries',
      'Dean',
      'Émile',
      'Zoe',
      null,
    ]);
  });

  it('by name leaves it to the ids where only the bytes of a name differ', () => {
    const students = named('E\u0301mile', '\u00c9mile', 'Emile');

    expect(inOrderOf(students.toReversed(), 'name').map(({ student_id }) => student_id)).toEqual([
      'STU2',
      'STU0',
      'STU1',
    ]);
  });

  it('by the last activity is that of the moments', () => {
    const students = [
      '2026-02-05T18:52:18.000Z',
      '1900-01-01T00:00:00.000Z',
      '2026-02-05T18:52:18.001Z',
      null,
    ].map((last_activity_at, i) => student({ student_id: `STU${i}`, last_activity_at }));

    expect(inOrderOf(students, 'last_activity').map(({ student_id }) => student_id)).toEqual([
      'STU1',
      'STU0',
      'STU2',
      'STU3',
    ]);
  });

  it.each<StudentOrder>(['risk', 'name', 'last_activity'])('by %s gives each a place of its own', (order) => {
    const students = named('Ann', 'Ann', 'ann', null, null).map((one) =>
      Object.assign(one, { risk_score: null, last_activity_at: null }),
    );
    const places = inOrderOf(students, order).map((one) => placeOf(one, order));

    for (const [i, place] of places.entries())
      for (const [j, other] of places.entries())
        expect(Math.sign(comparePlaces(place, other))).toBe(Math.sign(i - j));
  });
});
