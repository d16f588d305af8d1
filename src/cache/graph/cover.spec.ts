import { Faults } from '../definition/faults.js';
import { tagRules, type TagSource } from '../definition/tag-rules.js';
import { coverOf } from './cover.js';

const rules = (sources: TagSource[], families?: string[]) =>
  tagRules(sources, families, 'Test.method', new Faults());
const byFunction = () => [];
const cached = [
  { prefix: 'untagged', rules: rules([]) },
  { prefix: 'by_prefix', rules: rules(['untagged:*']) },
  { prefix: 'course', rules: rules(['course:{id}']) },
  { prefix: 'student', rules: rules(['student:{id}', 'system']) },
  { prefix: 'any', rules: rules([byFunction]) },
  { prefix: 'roster', rules: rules(['student:{id}', byFunction], ['roster']) },
];

describe('the cover of a method that invalidates', () => {
  it('is empty where arguments name all tags', () => {
    expect(coverOf(rules(['course:{id}']), cached)).toEqual([]);
  });

  it('takes in every method, for a function may name its prefix, and what no decorator stands for', () => {
    expect(coverOf(rules([byFunction]), cached)).toEqual([
      'prefix/untagged',
      'prefix/by_prefix',
      'prefix/course',
      'prefix/student',
      'prefix/any',
      'prefix/roster',
      'prefix/default',
      'unlisted',
    ]);
  });

  it('is everything where nothing here feels it: another application may', () => {
    expect(coverOf(rules([byFunction]), [])).toEqual(['epoch']);
    expect(coverOf(rules([byFunction], ['elsewhere']), cached.slice(0, 4))).toEqual(['epoch']);
  });

  it.each([
    [['default'], ['prefix/any', 'prefix/default']],
    [['course'], ['prefix/course', 'prefix/any']],
    [['system'], ['prefix/student', 'prefix/any']],
    [
      ['roster', 'course'],
      ['prefix/course', 'prefix/any', 'prefix/roster'],
    ],
    [['untagged'], ['prefix/untagged', 'prefix/by_prefix', 'prefix/any']],
    [[], ['prefix/any']],
  ])('is narrowed by the families of its functions: %j', (families, expected) => {
    expect(coverOf(rules(['student:{id}', byFunction], families), cached)).toEqual([...expected, 'unlisted']);
  });
});
