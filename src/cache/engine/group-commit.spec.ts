import { deferred, turn, type Deferred } from '../../../test/support/deferred.js';
import { GroupCommit } from './group-commit.js';

let asked: { readonly wanted: readonly string[]; readonly answer: Deferred<string> }[];
let questions: GroupCommit<string[], string>;

beforeEach(() => {
  asked = [];
  questions = new GroupCommit<string[], string>(
    () => [],
    (wanted) => {
      const answer = deferred<string>();
      asked.push({ wanted, answer });
      return answer.promise;
    },
  );
});

function ask(what: string): Promise<string> {
  const { wanted, answer } = questions.next;
  wanted.push(what);
  return answer;
}

it('puts one question for all who ask in the same tick', async () => {
  const answers = [ask('a'), ask('b')];
  await turn();
  asked[0]?.answer.resolve('yes');

  expect(await Promise.all(answers)).toEqual(['yes', 'yes']);
  expect(asked.map(({ wanted }) => wanted)).toEqual([['a', 'b']]);
});

it('answers nobody by a question that was put before they came, and lets them gather for the next', async () => {
  const first = ask('a');
  await turn();
  const later = [ask('b'), ask('c')];
  await turn();
  expect(asked).toHaveLength(1);

  asked[0]?.answer.resolve('old');
  await turn();
  asked[1]?.answer.resolve('new');

  expect(await Promise.all([first, ...later])).toEqual(['old', 'new', 'new']);
  expect(asked.map(({ wanted }) => wanted)).toEqual([['a'], ['b', 'c']]);
});

it('puts the next question also when one has failed, of which only those hear who asked it', async () => {
  const first = ask('a').catch(() => 'failed');
  await turn();
  const later = ask('b');
  asked[0]?.answer.reject(new Error('away'));
  await turn();
  asked[1]?.answer.resolve('yes');

  expect(await Promise.all([first, later])).toEqual(['failed', 'yes']);
});

it('is idle before the first question and after the last, and not between', async () => {
  expect(questions.isIdle).toBe(true);
  const first = ask('a');
  await turn();
  const later = ask('b');
  asked[0]?.answer.resolve('yes');
  await first;
  await turn();
  expect(questions.isIdle).toBe(false);

  asked[1]?.answer.resolve('yes');
  await later;
  await turn();

  expect(questions.isIdle).toBe(true);
});
