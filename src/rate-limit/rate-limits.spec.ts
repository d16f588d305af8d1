import { Logger } from '@nestjs/common';
import type { RedisCallOptions, RedisService } from '../cache/index.js';
import { readEnvironment } from '../config/read-environment.js';
import { Problem } from '../http/problem.js';
import { RateLimits, trackerOf } from './rate-limits.js';

it.each(['1.2345', '2.01', '16.1', '32.2'])('shares a window of %s s in whole milliseconds', (window) => {
  const windows: (string | undefined)[] = [];
  const redis = {
    status: () => 'ready',
    run: (_script: string, _keys: string[], [windowMs]: string[]) => {
      windows.push(windowMs);
      return Promise.resolve([1, 1]);
    },
  };
  const settings = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_WINDOW: window, RATE_LIMIT_ADDRESS: '1' };
  const limits = new RateLimits(readEnvironment(settings), redis as unknown as RedisService);

  limits.admit({ ip: '192.0.2.1' });

  limits.onApplicationShutdown();
  expect(windows).toEqual([expect.stringMatching(/^\d+$/)]);
});

it.each([
  ['192.0.2.1', '192.0.2.1:50312', true],
  ['192.0.2.1:443', '192.0.2.1:50312', true],
  ['2001:db8::1', '[2001:db8::1]:443', true],
  ['2001:db8::1', '[2001:db8::2]', true],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2:50312', false],
  ['2001:db8::1', '2001:db8:0:1::1', false],
  ['unknown', 'hidden', false],
])('takes %s and %s for one address: %s', (one, other, isOne) => {
  expect(trackerOf({ ip: one }) === trackerOf({ ip: other })).toBe(isOne);
});

it('counts wrong credentials by address, too: of an IPv6 network one', () => {
  const settings = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_FAILED_CREDENTIALS: '5' };
  const redis = { status: () => 'not_configured' };
  const limits = new RateLimits(readEnvironment(settings), redis as unknown as RedisService);

  for (let n = 1; n <= 5; n++) limits.failedCredentials(`2001:db8::${n}`);

  expect(() => {
    limits.failedCredentials('2001:db8::6');
  }).toThrow(Problem);
  limits.failedCredentials('2001:db8:0:1::6');
  limits.onApplicationShutdown();
});

it('tells once a minute for each reason that Redis does not take its counts, in the name of no request', async () => {
  jest.useFakeTimers();
  const told: unknown[] = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((...[record]: unknown[]) => void told.push(record));
  let reason = 'NOPERM';
  const redis = {
    status: () => 'connected',
    run: (_script: string, _keys: string[], _parameters: string[], { onFailure }: RedisCallOptions) => {
      onFailure?.(reason);
      return Promise.resolve(undefined);
    },
  };
  const settings = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_ADDRESS: '10000' };
  const limits = new RateLimits(readEnvironment(settings), redis as unknown as RedisService);
  const alone = (of: string) => ({ event: 'rate_limit.alone', reason: of, request_id: undefined });

  for (let n = 0; n < 50; n++) {
    limits.admit({ ip: '192.0.2.1' });
    await jest.advanceTimersByTimeAsync(1000);
  }
  expect(told).toEqual([alone('NOPERM')]);
  reason = 'timeout';
  for (let n = 0; n < 20; n++) {
    limits.admit({ ip: '192.0.2.1' });
    await jest.advanceTimersByTimeAsync(1000);
  }
  expect(told).toEqual([alone('NOPERM'), alone('timeout')]);
  reason = 'NOPERM';
  limits.admit({ ip: '192.0.2.1' });
  await jest.advanceTimersByTimeAsync(1000);
  expect(told).toEqual([alone('NOPERM'), alone('timeout'), alone('NOPERM')]);

  limits.onApplicationShutdown();
  jest.restoreAllMocks();
  jest.useRealTimers();
});
