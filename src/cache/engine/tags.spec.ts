import {
  byHardness,
  dependenciesOn,
  familyTag,
  isPlainTag,
  isWitness,
  patternTags,
  plainTag,
  prefixTag,
  prefixTags,
  takenAway,
} from './tags.js';

it.each([
  [[], ['prefix/note']],
  [
    ['7', 'a/b', ''],
    ['prefix/note', 'prefix/note/7', 'prefix/note/7/a%2Fb', 'prefix/note/7/a%2Fb/'],
  ],
])('an entry with the leading parameters %j depends on each part of them', (parameters, tags) => {
  expect(prefixTags('note', parameters)).toEqual(tags);
});

it('a long id is named by its hash, in its family, and by the same in a pattern', () => {
  const id = `x:*/${'y'.repeat(20_000)}`;

  expect(plainTag(`course:${id}`)).toHaveLength('tag/course:#'.length + 43);
  expect(familyTag(plainTag(`course:${id}`))).toBe('family/course');
  expect(plainTag(`course:${id}`)).not.toBe(plainTag(`course:${id}z`));
  expect(prefixTag('note', [id, '7'])).toMatch(/^prefix\/note\/#[\w-]{43}\/7$/);
  expect(patternTags(`course:${id}`)).toEqual([plainTag(`course:${id}`)]);
  expect(prefixTag('note', ['語'.repeat(50)])).toMatch(/^prefix\/note\/#[\w-]{43}$/);
  // Nobody's own id can be taken for one.
  expect(prefixTag('note', ['#x'])).toBe('prefix/note/%23x');
});

describe('a pattern', () => {
  it.each([null, undefined, 5, ['course:1', 'course:2']])('is a text, and not %j', (pattern) => {
    expect(() => patternTags(pattern as never)).toThrow(
      expect.objectContaining({ code: 'CACHE_INVALID_OPTIONS' }),
    );
  });

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

describe('an invalidation', () => {
  it('is hard of what is named both ways, and reaches with a part of a prefix what depends on all of it', () => {
    expect(byHardness(['tag/a:1', '~tag/a:1', '~prefix/note/7'])).toEqual({
      hard: ['tag/a:1'],
      soft: ['prefix/note/7', 'below/note'],
    });
    expect(dependenciesOn('prefix/note/7')).toEqual(['prefix/note', 'prefix/note/7', 'below/note/7']);
    expect(dependenciesOn('tag/a:1')).toEqual(['tag/a:1']);
  });

  it('takes witnesses away before all else, also those of what is softly invalidated, and none for nothing', () => {
    const taken = takenAway(['tag/a:1', 'prefix/note'], ['tag/b:2']);

    expect(taken).toEqual(['any', 'family/a', 'family/b', 'tag/a:1', 'prefix/note']);
    expect(taken.filter(isWitness)).toEqual(['any', 'family/a', 'family/b']);
    expect(takenAway([], [])).toEqual([]);
  });
});

describe('a plain tag that PostgreSQL could not hold', () => {
  it.each(['row:\0', 'row:\ud800', 'r\0w'])('%j is told from every other, and can be held', (tag) => {
    const name = plainTag(tag);

    expect(name.isWellFormed() && !name.includes('\0')).toBe(true);
    expect(name).not.toBe(plainTag(tag.toWellFormed().replaceAll('\0', '')));
    expect(isPlainTag(name)).toBe(true);
  });
});
