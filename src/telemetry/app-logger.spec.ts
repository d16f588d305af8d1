import { Logger } from '@nestjs/common';
import { AppLogger, type AppLoggerOptions } from './app-logger.js';
import { logCatalogue, type LogEvent } from './log-catalogue.js';

function recorded(options: Partial<AppLoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = new AppLogger({
    level: 'debug',
    format: 'text',
    write: (line) => lines.push(line),
    now: () => new Date('2026-02-05T18:52:18.123Z'),
    ...options,
  });
  return { logger, lines };
}

describe('the log', () => {
  it('writes text as the original did: time, level, emoji, text', () => {
    const { logger, lines } = recorded();

    logger.event('cache.miss', { prefix: 'system_stats' });
    logger.event('cache.stored', { prefix: 'system_stats', ttl_s: 30 });
    logger.event('stats.done', { users: 9, sessions: 30 });
    logger.warn('plain words');

    expect(lines).toEqual([
      '18:52:18 - INFO - ❌ Cache MISS for system_stats - executing function\n',
      '18:52:18 - INFO - 💾 Cached result for system_stats (TTL: 30s)\n',
      '18:52:18 - INFO - ✅ Statistics retrieved: 9 users, 30 sessions\n',
      '18:52:18 - WARNING - plain words\n',
    ]);
  });

  it('writes JSON as one object a line, with the fields for machines', () => {
    const { logger, lines } = recorded({ format: 'json' });

    logger.event('cache.hit', { prefix: 'student_risk', key: 'cache:student_risk:1', duration_ms: 0.4 });

    expect(JSON.parse(lines[0]!)).toEqual({
      time: '2026-02-05T18:52:18.123Z',
      level: 'debug',
      event: 'cache.hit',
      message: '✅ Cache HIT for student_risk',
      prefix: 'student_risk',
      key: 'cache:student_risk:1',
      duration_ms: 0.4,
    });
  });

  it('renders events that arrive through the logger of Nest', () => {
    const { logger, lines } = recorded();
    Logger.overrideLogger(logger);

    new Logger('Ingest').log({
      event: 'ingest.batch',
      count: 10,
      duplicates: 2,
      rejected: 1,
      duration_ms: 12,
    });

    expect(lines).toEqual(['18:52:18 - INFO - 📥 Ingested 10 events (2 duplicates, 1 rejected) in 12 ms\n']);
    Logger.overrideLogger(false);
  });

  it('writes only what is important enough', () => {
    const { logger, lines } = recorded({ level: 'warn' });

    logger.event('cache.hit', { prefix: 'x' });
    logger.log('info');
    logger.debug('debug');
    logger.error('error');
    logger.event('cache.disabled');

    expect(lines).toEqual([
      '18:52:18 - ERROR - error\n',
      '18:52:18 - WARNING - ⚠️ Application will continue without cache\n',
    ]);
  });

  it.each(['text', 'json'] as const)('lets no input forge a line or steer a terminal (%s)', (format) => {
    const { logger, lines } = recorded({ format });

    logger.event('cache.key', { key: 'a\r\n18:52:18 - INFO - forged \u001b[2J \u202e end' });

    expect(lines).toHaveLength(1);
    // oxlint-disable-next-line no-control-regex -- these are what must not come through
    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u202e]/);
  });

  it('cuts what is too long', () => {
    const { logger, lines } = recorded();

    logger.log('x'.repeat(1_000_000));

    expect(lines[0]!.length).toBeLessThan(2100);
  });

  it.each(['text', 'json'] as const)('writes no secret, in whatever field or spelling (%s)', (format) => {
    const { logger, lines } = recorded({ format, secrets: ['canary/7?', 'hunter22'] });

    logger.event('cache.init', { url: 'redis://:other@redis:6379/0' });
    logger.event('cache.connect_failed', { error_code: 'auth with hunter22 failed' });
    logger.error({
      message: 'broken',
      detail: { deep: ['canary/7?'] },
      stack: 'E: canary/7?\n    at hunter22 (x:1)',
    });
    logger.error(`tried postgres://app:${encodeURIComponent('canary/7?')}@db/x`);

    expect(lines.join('')).not.toMatch(/canary|hunter22|other/);
    expect(lines[0]).toContain('redis://:***@redis:6379/0');
  });

  it.each([
    ['text', 'ERROR - TypeError\n    at '],
    ['json', '"message":"TypeError","stack":"    at '],
  ] as const)(
    'keeps the words of an exception to itself, and shows where it came from (%s)',
    (format, start) => {
      const { logger, lines } = recorded({ format });

      logger.error(new TypeError('SELECT secret FROM users'));

      expect(lines[0]).toContain(start);
      expect(lines[0]).not.toContain('SELECT');
    },
  );

  it.each(['text', 'json'] as const)(
    'takes no words of an exception for a place in the code (%s)',
    (format) => {
      const { logger, lines } = recorded({ format });

      logger.error(new Error('no such table\n    at forged (users:1:1)\n    at end'));

      expect(lines[0]).toContain('    at ');
      expect(lines[0]).not.toMatch(/forged|at end/);
    },
  );

  it('passes over what Nest tells of its own modules', () => {
    const { logger, lines } = recorded();

    logger.log('AppModule dependencies initialized', 'InstanceLoader');

    expect(lines).toEqual([]);
  });

  it.each(Object.keys(logCatalogue) as LogEvent[])('has words for %s', (event) => {
    const { logger, lines } = recorded();

    logger.event(event, {
      ...{
        key: 'k',
        prefix: 'p',
        ttl_s: 1,
        duration_ms: 1,
        tags: ['t'],
        pattern: 'p*',
        count: 1,
        url: 'redis://h',
      },
      ...{
        duplicates: 0,
        rejected: 0,
        users: 1,
        sessions: 1,
        attempt: 1,
        delay_ms: 1,
        after_ms: 100,
        version: '7',
        clients: 1,
      },
      ...{
        memory: '1M',
        status: 'healthy',
        error_code: 'E',
        operation: 'GET',
        state: 'open',
        method: 'C.m',
        reason: 'E',
        migration: 'M1',
      },
    });

    expect(lines[0]).toMatch(/^18:52:18 - (ERROR|WARNING|INFO|DEBUG) - \P{ASCII}+ \S/u);
    expect(lines[0]).not.toMatch(/undefined|\[object/);
  });
});
