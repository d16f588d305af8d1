import { Logger } from '@nestjs/common';
import { AnsweredProblems } from './answered-problems.js';
import { type ProblemCode, problems } from './problem.js';

let told: unknown[];
let answered: AnsweredProblems;

beforeEach(() => {
  jest.useFakeTimers();
  told = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((...[record]: unknown[]) => void told.push(record));
  answered = new AnsweredProblems();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const answer = (code: ProblemCode, times: number) => {
  for (let n = 0; n < times; n++) answered.add(code, 'in-flight');
};
const refused = (reason: string, count: number) => ({
  event: 'request.refused',
  reason,
  count,
  request_id: undefined,
});

it('counts each code from zero', () => {
  answer('unauthorized', 2);
  answer('overloaded', 3);

  expect([...answered.counts.keys()]).toEqual(Object.keys(problems));
  expect([...answered.counts].filter(([, count]) => count > 0)).toEqual([
    ['unauthorized', 2],
    ['overloaded', 3],
  ]);
});

it('tells of the first refusal at once, then of each minute how many there were, and of none nothing', () => {
  answer('overloaded', 100);
  answer('too_many_requests', 1);
  expect(told.splice(0)).toEqual([refused('overloaded (in-flight)', 1), refused('too_many_requests', 1)]);

  jest.advanceTimersByTime(59_999);
  answer('overloaded', 1);
  expect(told).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(told.splice(0)).toEqual([refused('overloaded (in-flight)', 100)]);

  jest.advanceTimersByTime(600_000);
  expect(told).toEqual([]);
  answer('overloaded', 1);
  expect(told).toEqual([refused('overloaded (in-flight)', 1)]);
});

it('tells the rest when it is asked to, once', () => {
  answer('overloaded', 100);
  answer('too_many_requests', 1);
  told = [];

  answered.tellRest();
  answered.tellRest();

  expect(told).toEqual([refused('overloaded (in-flight)', 99)]);
});

it('tells one overload from the other', () => {
  answered.add('overloaded', 'event-loop');
  answered.add('overloaded', 'store-away');
  answered.add('overloaded', 'store-away');
  answered.add('overloaded');
  answered.add('not_found', 'event-loop');

  expect(Object.fromEntries(answered.overloads)).toEqual({
    'in-flight': 0,
    'event-loop': 1,
    'store-away': 2,
    contention: 0,
    other: 1,
  });
  expect(told).toEqual([
    refused('overloaded (event-loop)', 1),
    refused('overloaded (store-away)', 1),
    refused('overloaded (other)', 1),
  ]);
});

it('tells nothing of what callers do wrong, nor of what has a line of its own', () => {
  for (const code of ['unauthorized', 'not_found', 'validation_failed', 'internal_error'] as const)
    answer(code, 10);

  expect(told).toEqual([]);
});
