import type { Principal } from './principal.js';
import { RecentTokens } from './recent-tokens.js';

const principal: Principal = { sub: 'TEACH001', role: 'teacher' };

let tokens: RecentTokens;
let nowMs: number;
let runsForMs: number;

const pass = (ms: number) => {
  nowMs += ms;
  runsForMs += ms;
};

beforeEach(() => {
  [nowMs, runsForMs] = [1_800_000_000_000, 5];
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs);
  jest.spyOn(performance, 'now').mockImplementation(() => runsForMs);
  tokens = new RecentTokens();
});

afterEach(() => jest.restoreAllMocks());

it('knows a token for ten seconds', () => {
  tokens.add('one', principal, Infinity);
  pass(9999);
  expect(tokens.find('one')).toBe(principal);
  pass(1);

  expect(tokens.find('one')).toBeUndefined();
  expect(tokens.find('other')).toBeUndefined();
});

it('knows it no longer when the clock of the machine is set back meanwhile', () => {
  tokens.add('one', principal, Infinity);
  pass(10_000);
  nowMs -= 8000;

  expect(tokens.find('one')).toBeUndefined();
});

it('knows none longer than it is good for', () => {
  tokens.add('one', principal, nowMs + 300);
  tokens.add('expired', principal, nowMs);
  expect(tokens.find('one')).toBe(principal);
  pass(300);

  expect(tokens.find('one')).toBeUndefined();
  expect(tokens.find('expired')).toBeUndefined();
});

it('knows one for ten seconds more when it was looked at again', () => {
  tokens.add('one', principal, Infinity);
  tokens.add('other', principal, Infinity);
  pass(10_000);
  tokens.add('one', principal, Infinity);
  pass(9999);

  expect(tokens.find('one')).toBe(principal);
});

it('forgets the oldest beyond a thousand', () => {
  for (let n = 0; n <= 1000; n++) tokens.add(String(n), principal, Infinity);

  expect(tokens.find('0')).toBeUndefined();
  expect(tokens.find('1')).toBe(principal);
  expect(tokens.find('1000')).toBe(principal);
});
