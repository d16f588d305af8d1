import { ValidationPipe } from '@nestjs/common';
import type { CacheRequest } from '../definition/cache-request.js';
import { dropsUndeclared, undeclaredText } from './undeclared-query.js';

class Page {
  page?: string;
}

class PageWithSetter extends Page {
  set p(page: string) {
    this.page = page;
  }
}

class Reading extends PageWithSetter {}

class OwnPipe extends ValidationPipe {}

describe('query parameters that a class does not describe', () => {
  it('are in the key, and those that it describes are not', () => {
    const text = (query: Record<string, string>) =>
      undeclaredText({ query } as unknown as CacheRequest, new Set(['page']));

    expect(text({ page: '1', tenant: 'a' })).toBe('|query:{"tenant": "a"}');
    expect(text({ page: '1' })).toBe('');
  });

  const strict = new ValidationPipe({ whitelist: true, transform: true });
  const alias = { transform: (query: { page?: string; p?: string }) => ({ page: query.page ?? query.p }) };

  it.each([
    ['a pipe that keeps only what is described', [strict], Page],
    ['such a pipe before one of the application', [strict, alias], Page],
  ])('are dropped by %s', (_, pipes, type) => {
    expect(dropsUndeclared(pipes, type)).toBe(true);
  });

  it.each([
    ['there is no pipe', [], Page],
    ['the pipe lets them through', [new ValidationPipe({ transform: true })], Page],
    ['the pipe refuses them', [new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true })], Page],
    [
      'the pipe takes the query for another class',
      [new ValidationPipe({ whitelist: true, expectedType: Page })],
      Page,
    ],
    ['a pipe of the application comes first', [alias, strict], Page],
    ['the pipe is of a class of the application', [new OwnPipe({ whitelist: true })], Page],
    ['the pipe is made by Nest', [ValidationPipe], Page],
    ['a setter of the class sees them', [strict], PageWithSetter],
    ['an inherited setter sees them', [strict], Reading],
  ])('may be read where %s', (_, pipes, type) => {
    expect(dropsUndeclared(pipes, type)).toBe(false);
  });
});
