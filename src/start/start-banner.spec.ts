import { readEnvironment } from '../config/read-environment.js';
import { cacheWithoutRedis, startBanner } from './start-banner.js';

const AUTH_JWT_SECRET = 'a-secret-of-this-test-and-nothing-else';

describe('what somebody is told who has just started the service', () => {
  it('has a command that makes a token, where tokens are asked for', () => {
    expect(startBanner(readEnvironment({ AUTH_JWT_SECRET }), 8000)).toContain('npm run --silent token');
    expect(startBanner(readEnvironment({}), 8000)).not.toContain('npm run --silent token');
  });

  it('suggests what is in the demo data where these are', () => {
    expect(startBanner(readEnvironment({}), 8000)).toContain('/courses/PROG-101');
    expect(startBanner(readEnvironment({ DATABASE_URL: 'postgres://h/x' }), 8000)).not.toContain('PROG-101');
    expect(startBanner(readEnvironment({ DEMO_DATA: 'none' }), 8000)).not.toContain('PROG-101');
  });

  it.each([
    [{}, 'in memory of this process'],
    [{ REDIS_URL: 'redis://h' }, 'in Redis'],
    [{ REDIS_URL: 'redis://h', CACHE_ENABLED: 'false' }, 'switched off'],
  ])('says where answers are kept: %j %s', (settings, place) => {
    expect(startBanner(readEnvironment(settings), 8000)).toContain(`Cache       ${place}`);
  });

  it('has none in production, where that command refuses', () => {
    const production = { NODE_ENV: 'production', LOG_FORMAT: 'text', DATABASE_URL: 'postgres://h/x' };

    expect(startBanner(readEnvironment({ ...production, AUTH_JWT_SECRET }), 8000)).not.toContain('npm run');
  });
});

it.each([
  [{}, 'in memory of this process alone'],
  [{ CACHE_ENABLED: 'false', REDIS_URL: 'redis://h' }, 'switched off'],
  [{ REDIS_URL: 'redis://h' }, undefined],
])('a line of the log says where answers are kept without Redis: %j %s', (settings, status) => {
  expect(cacheWithoutRedis(readEnvironment(settings))?.status).toBe(status);
});
