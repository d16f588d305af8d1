import { figuresOf } from './scenarios/promises.js';
import { Acknowledged, ask, oldForGood } from './trials.js';

const version = (version: number) => ({ id: 'a', version });
let acknowledged: Acknowledged;

beforeEach(() => {
  acknowledged = new Acknowledged();
  acknowledged.add(version(1), 100);
  acknowledged.add(version(2), 200);
  // Nobody heard of the third.
  acknowledged.add(version(4), 400);
});

it.each([
  ['the present one', 4, 500, 0],
  ['one that nobody was told of', 3, 390, 0],
  ['that, superseded since', 3, 450, 50],
  ['one superseded twice: counted from the first time', 1, 450, 250],
  ['one superseded after the question', 1, 150, 0],
  ['one superseded at that moment', 1, 200, 0],
  ['a newer one than anybody was told of', 5, 500, 0],
])('%s', (_, read, askedAtMs, behindMs) => {
  expect(acknowledged.behindMs(version(read), askedAtMs)).toBe(behindMs);
});

it('what nobody has written is never old', () => {
  expect(acknowledged.behindMs({ id: 'b', version: 0 }, 500)).toBe(0);
});

describe('of what a cache answers', () => {
  const answers = (body: unknown, status = 200) =>
    jest
      .spyOn(globalThis, 'fetch')
      .mockImplementation(() => Promise.resolve(Response.json(body, { status })));

  afterEach(() => jest.restoreAllMocks());

  it.each([
    ['the thing that was asked for', { id: 'a', version: 3 }, { id: 'a', version: 3 }],
    ['another thing', { id: 'b', version: 3 }, undefined],
    ['no version', { id: 'a' }, undefined],
  ])('%s', async (_, body, answer) => {
    answers(body);

    expect(await ask('GET', 'http://cache', 'a')).toEqual(answer);
  });

  it('none is as bad as an old one, where nobody writes any more', async () => {
    answers({}, 503);

    expect(await oldForGood(['http://cache'], ['a', 'b'], acknowledged)).toBe(2);
  });

  it.each([
    ['no write was acknowledged in either time', 0, 0, false],
    ['none was while Redis was silent', 1, 0, false],
    ['some were in both', 1, 1, true],
  ])('none is old, where %s: %i, %i', (_, well, silent, isMet) => {
    const seen = (writes: number) => ({ reads: 9, old: 0, oldestMs: 0, failed: 0, writes, slowestMs: 1 });
    const [oldest] = figuresOf('strong', { well: seen(well), silent: seen(silent), old: 0, runs: 1 }, 0);

    expect(oldest).toMatchObject({ name: 'strong: oldest answer', isMet });
  });
});
