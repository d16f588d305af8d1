import { patternTags, plainTag, prefixTag, prefixTags } from './tags.js';

it.each([
  [[], ['prefix/note']],
  [
    ['7', 'a/b', ''],
    ['prefix/note', 'prefix/note/7', 'prefix/note/7/a%2Fb', 'prefix/note/7/a%2Fb/'],
  ],
])('an entry with the leading parameters %j depends on each part of them', (parameters, tags) => {
  expect(prefixTags('note', parameters)).toEqual(tags);
});

describe('a pattern', () => {
  it.each([
    ['course:PROG-101', [plainTag('course:PROG-101')]],
    ['student_risk:*', [plainTag('student_risk:*'), prefixTag('student_risk')]],
    ['note:7:*', [plainTag('note:7:*'), prefixTag('note', ['7'])]],
  ])('%s names the tag that was put together with such an id, too', (pattern, tags) => {
    expect(patternTags(pattern)).toEqual(tags);
  });

  it('names one id with a colon, or two ids: the text does not say which', () => {
    const prefixes = (pattern: string) => patternTags(pattern).slice(1).sort();

    expect(prefixes('note:urn:7:*')).toEqual(
      [prefixTag('note', ['urn', '7']), prefixTag('note', ['urn:7'])].sort(),
    );
    expect(prefixes('note:a:b:c:*')).toEqual(
      [['a', 'b', 'c'], ['a:b', 'c'], ['a', 'b:c'], ['a:b:c']].map((ids) => prefixTag('note', ids)).sort(),
    );
    expect(prefixes('note:fe80:1:2:3:4:*')).toEqual([prefixTag('note')]);
  });
});
