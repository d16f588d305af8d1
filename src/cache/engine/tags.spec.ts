import { patternTags, plainTag, prefixTag } from './tags.js';

describe('a pattern', () => {
  it.each([
    ['course:PROG-101', [plainTag('course:PROG-101')]],
    ['student_risk:*', [plainTag('student_risk:*'), prefixTag('student_risk')]],
    ['note:7:*', [plainTag('note:7:*'), prefixTag('note', ['7'])]],
  ])('%s names the tag that was put together with such an id, too', (pattern, tags) => {
    expect(patternTags(pattern)).toEqual(tags);
  });
});
