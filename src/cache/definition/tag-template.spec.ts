import { fromArguments, TagTemplate } from './tag-template.js';

function expanded(template: string, ...args: unknown[]): string[] {
  return new TagTemplate(template, 'a test').expand(fromArguments(args));
}

/** Whichever of the two is asked. */
function mayEqual(...texts: [string, string]): boolean[] {
  const [one, other] = texts.map((text) => new TagTemplate(text, 'a test')) as [TagTemplate, TagTemplate];
  return [one.mayEqual(other), other.mayEqual(one)];
}

describe('a template of a tag', () => {
  it('names one for each combination of the elements of lists', () => {
    expect(expanded('seat:{0}-{1}', ['a', 'b'], [1, 2])).toEqual([
      'tag/seat:a-1',
      'tag/seat:a-2',
      'tag/seat:b-1',
      'tag/seat:b-2',
    ]);
  });

  it('puts the same value wherever a placeholder stands again', () => {
    expect(expanded('pair:{0}-{0}', ['a', 'b'])).toEqual(['tag/pair:a-a', 'tag/pair:b-b']);
  });

  it.each([undefined, null, []])('names nothing where a placeholder has no value (%p)', (absent) => {
    expect(expanded('course:{0}', absent)).toEqual([]);
    expect(expanded('Course:{0}', absent)).toEqual([]);
  });

  it('takes values for what they are, whatever they hold', () => {
    expect(expanded('course:{0}', '{0}:*')).toEqual(['tag/course:{0}:*']);
  });
});

describe('two templates', () => {
  it.each([
    ['course:{id}', 'course:{course_id}'],
    ['course:{id}', 'course:all'],
    ['course:{id}', 'course:{id}:week'],
    ['course:{id}:week', 'course:{group}'],
    ['seat:{row}-{place}', 'seat:1-{place}'],
    ['system', 'system'],
  ])('may come to one tag: %s and %s', (one, other) => {
    expect(mayEqual(one, other)).toEqual([true, true]);
  });

  it.each([
    ['course', 'course:{id}'],
    ['course:all', 'course:list'],
    ['course:{id}', 'roster:{id}'],
    ['course:a-{id}', 'course:b-{id}'],
    ['course:{id}:week', 'course:{id}:day'],
    ['course:{id}:week', 'course:week'],
    ['seat:{row}-window', 'seat:1'],
    ['course:*', 'course:*'],
  ])('never come to one tag: %s and %s', (one, other) => {
    expect(mayEqual(one, other)).toEqual([false, false]);
  });
});

describe('a template of a prefix pattern', () => {
  it('names parameters, each encoded', () => {
    expect(expanded('view:{0}:{1.id}:*', 'a/b', { id: 7 })).toEqual(['prefix/view/a%2Fb/7']);
  });

  it.each([
    ['the first', [undefined, { id: 7 }], 'prefix/view'],
    ['the first, and the second cannot have any', [undefined, 'text'], 'prefix/view'],
    ['the second', ['a', {}], 'prefix/view/a'],
    ['the second, which is null', ['a', { id: null }], 'prefix/view/a'],
  ])('names all before a parameter without a value: %s', (_, args, tag) => {
    expect(expanded('view:{0}:{1.id}:*', ...args)).toEqual([tag]);
  });
});
