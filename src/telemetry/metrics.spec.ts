import type { DataSource } from 'typeorm';
import type { CacheService, RedisService } from '../cache/index.js';
import type { DatabasePing } from '../database/database-ping.js';
import { AnsweredProblems } from '../http/answered-problems.js';
import { HandlerLimit } from '../http/handler-limit.interceptor.js';
import { RequestDurations } from '../http/request-durations.js';
import { Metrics } from './metrics.js';

afterEach(() => {
  jest.useRealTimers();
});

it('are read once a second, however many ask', async () => {
  jest.useFakeTimers();
  const stats = {
    prefixes: new Map(),
    invalidationMs: { bounds: [], counts: [], count: 0, sum: 0 },
    invalidationErrors: 0,
    ruleFailures: 0,
    l1: { entries: 0, bytes: 0 },
    isAvailable: true,
  };
  const query = jest.fn(() => Promise.resolve([{ rows: 7, oldestS: 3.5 }]));
  const driver = { master: { totalCount: 5, idleCount: 2, waitingCount: 4, options: { max: 5 } } };
  const takeStats = jest.fn(() => stats);
  const metrics = new Metrics(
    { stats: takeStats } as unknown as CacheService,
    { status: () => 'ready', breaker: undefined } as unknown as RedisService,
    { isInitialized: true, query, driver } as unknown as DataSource,
    new AnsweredProblems(),
    { isAnswering: () => Promise.resolve(true) } as DatabasePing,
    new HandlerLimit(1),
    new RequestDurations(),
  );

  const texts = await Promise.all([metrics.text(), metrics.text()]);
  jest.advanceTimersByTime(999);
  texts.push(await metrics.text());

  expect(texts[0]).toContain('cache_outbox_rows 7');
  expect(texts[0]).toContain('cache_outbox_oldest_seconds 3.5');
  expect(texts[0]).toContain('database_up 1');
  expect(texts[0]).toContain('database_connections{state="active"} 3');
  expect(texts[0]).toContain('database_connections{state="idle"} 2');
  expect(texts[0]).toContain('database_connections{state="waiting"} 4');
  expect(texts[0]).toContain('database_connections_limit 5');
  expect(new Set(texts).size).toBe(1);
  expect(query).toHaveBeenCalledTimes(1);
  expect(takeStats).toHaveBeenCalledTimes(1);

  jest.advanceTimersByTime(1);
  await metrics.text();
  expect(query).toHaveBeenCalledTimes(2);
  expect(takeStats).toHaveBeenCalledTimes(2);
});
