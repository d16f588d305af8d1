import { Acknowledged } from './trials.js';

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
