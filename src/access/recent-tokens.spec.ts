import type { Principal } from './principal.js';
import { RecentTokens } from './recent-tokens.js';

const principal: Principal = { sub: 'TEACH001', role: 'teacher' };

let tokens: RecentTokens;
let nowMs: number;

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs);
  tokens = new RecentTokens();
});

afterEach(() => jest.restoreAllMocks());

it('knows a token for ten seconds', () => {
  tokens.add('one', principal, Infinity);
  nowMs += 9999;
  expect(tokens.find('one')).toBe(principal);
  nowMs += 1;

  expect(tokens.find('one')).toBeUndefined();
  expect(tokens.find('other')).toBeUndefined();
});

it('knows none longer than it is good for', () => {
  tokens.add('one', principal, nowMs + 300);
  tokens.add('expired', principal, nowMs);
  nowMs += 300;

  expect(tokens.find('one')).toBeUndefined();
  expect(tokens.find('expired')).toBeUndefined();
});

it('knows none any more when the clock was set back', () => {
  tokens.add('one', principal, Infinity);
  nowMs -= 1;

  expect(tokens.find('one')).toBeUndefined();
});

it('forgets the oldest beyond a thousand', () => {
  for (let n = 0; n <= 1000; n++) tokens.add(String(n), principal, Infinity);

  expect(tokens.find('0')).toBeUndefined();
  expect(tokens.find('1')).toBe(principal);
  expect(tokens.find('1000')).toBe(principal);
});
