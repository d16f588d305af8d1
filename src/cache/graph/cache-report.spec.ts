import { answerRules } from '../definition/answer-options.js';
import type { CachedDefinition, InvalidatingDefinition } from '../definition/cached-definition.js';
import { Faults } from '../definition/faults.js';
import { tagRules, type TagSource } from '../definition/tag-rules.js';
import { defaultPolicy } from '../engine/entry-policy.js';
import { cacheReport } from './cache-report.js';
import { reportLines } from './report-lines.js';

const faults = new Faults();
const byFunction = () => [];

function cached(prefix: string, tags: TagSource[], rest: Partial<CachedDefinition> = {}): CachedDefinition {
  return {
    methodName: `Views.${prefix}`,
    prefix,
    shape: 'v1',
    policy: {},
    answers: answerRules({}, 'shared', prefix),
    rules: tagRules(tags, undefined, prefix, faults),
    audit: true,
    declaredTtlMs: 60_000,
    ttlMs: () => 60_000,
    unless: () => false,
    faults,
    ...rest,
  };
}

function write(method: string, tags: TagSource[], families?: string[]): InvalidatingDefinition {
  return {
    methodName: `Writes.${method}`,
    rules: tagRules(tags, families, method, faults),
    isSoft: false,
    faults,
  };
}

function report(views: CachedDefinition[], writes: InvalidatingDefinition[]) {
  const recipes = views.map((view) => [view, { key: `${view.prefix}|/path`, isRoute: true }] as const);
  return cacheReport(new Map(recipes), new Set(writes), [], defaultPolicy);
}

const course = cached('course', ['course:{id}'], { scope: 'shared' });
const summary = cached('summary', ['course:*'], { declaredTtlMs: 0 });

describe('the report on a cache', () => {
  it('tells what is kept, for whom and for how long', () => {
    const [first, second] = report([course, summary], []).cached;

    expect(first).toEqual({
      prefix: 'course',
      method: 'Views.course',
      key: 'course|/path',
      scope: 'shared',
      ttlSeconds: 60,
      consistency: 'strong',
      shape: 'v1',
      tags: ['course:{id}'],
      invalidatedBy: [],
    });
    expect(second).toMatchObject({ scope: 'public', ttlSeconds: undefined });
  });

  it.each<[string, InvalidatingDefinition, string[]]>([
    ['a tag', write('tag', ['course:{body.id}']), ['course']],
    ['a prefix, and who depends on it', write('prefix', ['course:{id}:*']), ['course', 'summary']],
    [
      'a function of one family, which is a prefix, too',
      write('family', [byFunction], ['course']),
      ['course', 'summary'],
    ],
    ['a function of one prefix', write('prefix_named', [byFunction], ['summary']), ['summary']],
    ['a function of any family', write('any', [byFunction]), ['course']],
    ['a function of another family', write('other', [byFunction], ['student']), []],
  ])('tells whom an invalidation may hit: %s', (_, { methodName, rules }, prefixes) => {
    const { cached: views, invalidating } = report(
      [course, summary],
      [{ methodName, rules, isSoft: false, faults }],
    );

    expect(invalidating).toMatchObject([{ method: methodName, invalidates: prefixes }]);
    expect(views.filter(({ invalidatedBy }) => invalidatedBy.includes(methodName))).toHaveLength(
      prefixes.length,
    );
  });

  it('warns of what hits nothing, and softly of what may be meant', () => {
    const writes = [
      write('change', ['course:{id}', byFunction], ['course', 'rooster']),
      write('dead', [byFunction], ['student']),
    ];

    const { warnings } = report([course, cached('alone', [], { shape: '' })], writes);

    expect(warnings).toEqual([
      { kind: 'hits-nothing', isHard: true, methods: ['Writes.dead'] },
      { kind: 'unused-family', isHard: false, methods: ['Writes.change (rooster)', 'Writes.dead (student)'] },
      { kind: 'never-invalidated', isHard: false, methods: ['Views.alone'] },
      { kind: 'no-shape', isHard: false, methods: ['Views.alone'] },
    ]);
  });

  it('takes no function for dead that may name the tags of what no decorator keeps', () => {
    const { warnings } = report([cached('alone', [])], [write('elsewhere', [byFunction])]);

    expect(warnings.map(({ kind }) => kind)).toEqual(['never-invalidated']);
  });

  it('is printed as tables, those without rows left out', () => {
    const lines = reportLines(report([course], [write('change', ['course:{id}', byFunction], ['course'])]));

    expect(lines).toEqual([
      '',
      'PREFIX  METHOD        SCOPE   TTL   CONSISTENCY  SHAPE  TAGS',
      'course  Views.course  shared  60 s  strong       v1     course:{id}',
      '',
      'PREFIX  KEY',
      'course  course|/path',
      '',
      'PREFIX  INVALIDATED BY',
      'course  Writes.change',
      '',
      'METHOD         INVALIDATES',
      'Writes.change  course:{id}, a function of course',
    ]);
  });
});
