import { Problem } from '../http/problem.js';
import type { DeclaredIds } from './declared-ids.js';
import { idNames, type IdName } from './id-names.js';
import { requestedIds as idsOf, type IdSources } from './requested-ids.js';

const every: DeclaredIds = { own: idNames, nested: [] };
const none: DeclaredIds = { own: [], nested: [] };

/** Of a route that reads all. */
const requestedIds = (request: IdSources, created?: IdName) =>
  idsOf(request, { query: every, body: every }, created);

describe('the ids that a request names', () => {
  it('come from path, query and body, each once', () => {
    const ids = requestedIds({
      params: { student_id: 'STU001' },
      query: { course_id: ['PROG-101', 'PROG-102'], limit: '5' },
      body: { student_id: 'STU001', course_id: 'PROG-101', activity_id: null, submission_id: undefined },
    });

    expect(ids.student_id).toEqual(['STU001']);
    expect(ids.course_id).toEqual(['PROG-101', 'PROG-102']);
    expect(
      [ids.activity_id, ids.submission_id, ids.session_id, ids.user_id, ids.enrollment_id].flat(),
    ).toEqual([]);
  });

  it('are all counted where path and body differ', () => {
    expect(
      requestedIds({ params: { student_id: 'STU001' }, body: { student_id: 'STU002' } }).student_id,
    ).toEqual(['STU001', 'STU002']);
  });

  it.each([undefined, null, 'text', 7, Buffer.from('course_id')])('are none in a body that is %p', (body) => {
    expect(Object.values(requestedIds({ body })).flat()).toEqual([]);
  });

  it('leave out the one that the body gives to something new, but not in path and query', () => {
    const names = { activity_id: 'PROG-101-A9', course_id: 'PROG-101' };

    expect(requestedIds({ body: names }, 'activity_id')).toMatchObject({
      activity_id: [],
      course_id: ['PROG-101'],
    });
    expect(requestedIds({ params: names }, 'activity_id').activity_id).toEqual(['PROG-101-A9']);
    expect(requestedIds({ query: names }, 'activity_id').activity_id).toEqual(['PROG-101-A9']);
  });

  it('are not looked for in the prototype', () => {
    const body: unknown = Object.create({ course_id: 'PROG-101' });

    expect(requestedIds({ body }).course_id).toEqual([]);
  });

  it.each([[7], [true], [{ $ne: '' }], [[['PROG-101']]], [['PROG-101', 1]]])(
    'are refused when one is %j and not a text',
    (course_id) => {
      expect(() => requestedIds({ body: { course_id } })).toThrow(
        expect.objectContaining({
          code: 'validation_failed',
          more: { errors: [expect.objectContaining({ pointer: '/course_id' })] },
        }) as Problem,
      );
    },
  );

  it.each([
    ['of one name', { course_id: 21 }],
    ['of all names together', { course_id: 6, activity_id: 5, session_id: 5, submission_id: 5 }],
  ])('are refused when they are too many %s', (_, counts) => {
    const named = Object.entries(counts).map(([name, count]) => [
      name,
      Array.from({ length: count }, (_, index) => `${name}-${index}`),
    ]);

    expect(() => requestedIds({ query: Object.fromEntries(named) as unknown })).toThrow(Problem);
  });

  it('are of query and body only those that the route reads there, and all of the path', () => {
    const given = { course_id: 'PROG-101', student_id: 'STU001', user_id: 'STU001' };
    const request = { params: { session_id: 'S-1' }, query: given, body: given };
    const only = (name: IdName): DeclaredIds => ({ own: [name], nested: [] });

    const ids = idsOf(request, { query: only('course_id'), body: only('user_id') });

    expect(ids).toMatchObject({ session_id: ['S-1'], course_id: ['PROG-101'], user_id: ['STU001'] });
    expect(ids.student_id).toEqual([]);
    expect(idsOf({ query: { student_id: 7 }, body: { student_id: 7 } }, { query: none, body: none })).toEqual(
      idsOf({}, { query: none, body: none }),
    );
  });

  it('are found in all that a field with fields of its own holds', () => {
    const body = {
      members: [
        { student_id: 'STU001' },
        { student_id: ['STU002', 'STU003'], of: { course_id: 'PROG-101' } },
      ],
      data: { student_id: 'STU004' },
    };

    const ids = idsOf({ body }, { query: none, body: { own: [], nested: ['members'] } });

    expect(ids.student_id).toEqual(['STU001', 'STU002', 'STU003']);
    expect(ids.course_id).toEqual(['PROG-101']);
  });

  it('are refused there, too, when one is no text', () => {
    const body = { members: [{ of: { student_id: 7 } }] };

    expect(() => idsOf({ body }, { query: none, body: { own: [], nested: ['members'] } })).toThrow(
      expect.objectContaining({
        more: { errors: [expect.objectContaining({ pointer: '/members/0/of/student_id' })] },
      }) as Problem,
    );
  });
});
