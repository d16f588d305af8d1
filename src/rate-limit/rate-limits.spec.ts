import type { RedisService } from '../cache/index.js';
import { readEnvironment } from '../config/read-environment.js';
import { RateLimits } from './rate-limits.js';

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
