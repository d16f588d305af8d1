import { bodyOf, courseOf, ids, pathsOf, sizes } from './bodies.js';

it.each(sizes)('every body of %d bytes has that size, also with a large id', (size) => {
  const bodies = [0, 1, ids - 1, 1_000_999].map((id) => bodyOf(size, id));

  expect(bodies.map((body) => Buffer.byteLength(body))).toEqual([size, size, size, size]);
  expect(new Set(bodies).size).toBe(4);
});

it('every call builds the answer anew', () => {
  expect(courseOf(300, 1)).toEqual(courseOf(300, 1));
  expect(courseOf(300, 1).students[0]).not.toBe(courseOf(300, 1).students[0]);
});

it('there is a path of its own for each of the bodies', () => {
  expect(new Set(pathsOf(300)).size).toBe(ids);
});
