import {
  BadRequestException,
  ConflictException,
  GatewayTimeoutException,
  HttpException,
  NotFoundException,
  ServiceUnavailableException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { CacheError } from '../cache/index.js';
import { problemOf } from './problem-of.js';
import { Problem, problems } from './problem.js';

const secret = 'SELECT password FROM users -- at db.internal';
const coded = (code: string, message = secret) => Object.assign(new Error(message), { code });

describe('the problem that stands for an error', () => {
  it.each([
    ['a problem of ours', new Problem('conflict', 'in our words'), 'conflict'],
    ['a refused connection', coded('ECONNREFUSED'), 'database_unavailable'],
    ['a shutdown of the server', coded('57P01'), 'database_unavailable'],
    ['a transaction that the server gave up', coded('25P03'), 'database_unavailable'],
    ['too many connections', coded('53300'), 'database_unavailable'],
    [
      'a statement that took too long',
      new QueryFailedError(secret, [], coded('57014')),
      'database_unavailable',
    ],
    ['an answer that never came', new Error('Query read timeout'), 'database_unavailable'],
    ['no free connection', new Error('timeout exceeded when trying to connect'), 'database_unavailable'],
    ['a broken connection', new Error('Connection terminated unexpectedly'), 'database_unavailable'],
    ['a second of the same', new QueryFailedError(secret, [], coded('23505')), 'conflict'],
    ['a reference to nothing', new QueryFailedError(secret, [], coded('23503')), 'conflict'],
    ['a broken rule', new QueryFailedError(secret, [], coded('23514')), 'unprocessable'],
    [
      'a character that cannot be stored',
      new QueryFailedError(secret, [], coded('22021')),
      'validation_failed',
    ],
    [
      'a time zone that does not exist',
      new QueryFailedError(secret, [], coded('22009')),
      'validation_failed',
    ],
    ['a deadlock', new QueryFailedError(secret, [], coded('40P01')), 'overloaded'],
    ['a mistake in our SQL', new QueryFailedError(secret, [], coded('42601')), 'internal_error'],
    ['a mistake in our code', new TypeError(secret), 'internal_error'],
    ['a thrown text', secret, 'internal_error'],
    ['nothing', undefined, 'internal_error'],
    ['a queue that is full', new CacheError('CACHE_OVERLOADED', secret), 'overloaded'],
    ['a method that took too long', new CacheError('CACHE_FACTORY_TIMED_OUT', secret), 'timed_out'],
    ['the same from a route', new GatewayTimeoutException(secret), 'timed_out'],
    ['a mistake with the cache', new CacheError('CACHE_UNSERIALISABLE', secret), 'internal_error'],
    ['an exception of Nest', new NotFoundException(secret), 'not_found'],
    ['a pipe of Nest', new BadRequestException(secret), 'bad_request'],
    ['a conflict that Nest tells of', new ConflictException(secret), 'conflict'],
    ['a text that Nest finds senseless', new UnprocessableEntityException(secret), 'unprocessable'],
    ['a service that Nest finds busy', new ServiceUnavailableException(secret), 'overloaded'],
    ['an error of Fastify', Object.assign(new Error(secret), { statusCode: 413 }), 'payload_too_large'],
    [
      'an upload that broke off',
      Object.assign(coded('ECONNRESET', 'aborted'), { statusCode: 400 }),
      'bad_request',
    ],
    ['a status we have no word for', new HttpException(secret, 418), 'bad_request'],
    ['an impossible status', Object.assign(new Error(secret), { statusCode: 200 }), 'internal_error'],
  ])('%s', (_, error, code) => {
    const problem = problemOf(error);

    expect(problem.code).toBe(code);
    expect(problem.getStatus()).toBe(problems[problem.code].status);
    expect(JSON.stringify([problem.detail, problem.more])).not.toMatch(/SELECT|internal\b.*db|timeout/);
  });

  it.each([
    ['store-away', new CacheError('CACHE_OVERLOADED', secret)],
    [
      'store-away',
      new ServiceUnavailableException(undefined, { cause: new CacheError('CACHE_OVERLOADED', secret) }),
    ],
    ['contention', new QueryFailedError(secret, [], coded('40P01'))],
    [undefined, new ServiceUnavailableException(secret)],
  ])('knows what overloads: %s', (cause, error) => {
    expect(problemOf(error).more.cause).toBe(cause);
  });
});
