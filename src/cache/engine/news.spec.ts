import { News } from './news.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

it('is each reason once a minute, and all of them when they come after the end', () => {
  const news = new News();
  const told = (...reasons: string[]) => reasons.filter((reason) => news.isNew(reason));

  expect(told('ECONNREFUSED', 'ECONNREFUSED', '57P03', 'ECONNREFUSED')).toEqual(['ECONNREFUSED', '57P03']);
  jest.advanceTimersByTime(59_999);
  expect(told('ECONNREFUSED')).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(told('ECONNREFUSED', '57P03', '57P03')).toEqual(['ECONNREFUSED', '57P03']);

  news.forget();
  expect(told('57P03', '57P03')).toEqual(['57P03']);
});
