import type { Subject } from '../cache/index.js';
import { AppLogger, type AppLoggerOptions } from './app-logger.js';
import { cacheLog } from './cache-log.js';

function recorded(options: Partial<AppLoggerOptions> = {}, isQuiet?: (prefix: string) => boolean) {
  const lines: string[] = [];
  const logger = new AppLogger({
    level: 'debug',
    format: 'text',
    write: (line) => lines.push(line.trimEnd()),
    now: () => new Date('2026-02-05T18:52:18.123Z'),
    ...options,
  });
  return { log: cacheLog(logger, isQuiet), lines };
}

/** What is asked for, and how often its key was computed. */
function asked() {
  const reads = { count: 0 };
  const subject = {
    prefix: 'system_stats',
    get key() {
      reads.count++;
      return 'cache:system_stats:1';
    },
  } as Subject;
  return { subject, reads };
}

describe('the log of the cache', () => {
  it('tells a hit from its key to its end at debug', () => {
    const { log, lines } = recorded();
    const { subject } = asked();

    log({ event: 'cache.lookup', subject });
    log({ event: 'cache.hit', subject, bytes: 1 });

    expect(lines).toEqual([
      '18:52:18 - DEBUG - 🔑 Generated cache key: cache:system_stats:1',
      '18:52:18 - DEBUG - 🔍 Checking cache for: cache:system_stats:1',
      '18:52:18 - DEBUG - ✅ Cache HIT for system_stats',
    ]);
  });

  it('names twenty of many tags, and tells how many there are', () => {
    const tags = Array.from({ length: 10_000 }, (_, n) => `tag/student:STUDENT-${n}`);
    const json = recorded({ format: 'json' });
    const text = recorded();

    for (const { log } of [json, text]) {
      log({ event: 'cache.invalidated', tags, durationMs: 1 });
      log({ event: 'cache.invalidated', tags: ['tag/system'], durationMs: 1 });
    }

    const [line, other] = json.lines.map((told) => JSON.parse(told) as Record<string, unknown>);
    expect(line).toMatchObject({ tags: tags.slice(0, 20), count: 10_000 });
    expect(other).toMatchObject({ tags: ['tag/system'], count: 1 });
    expect(json.lines[0]?.length).toBeLessThan(2000);
    expect(text.lines[0]).toMatch(/STUDENT-0, .* student:STUDENT-19 and 9980 more$/);
    expect(text.lines[1]).toMatch(/of system$/);
  });

  it.each(['text', 'json'] as const)('at info writes nothing of a hit and computes no key (%s)', (format) => {
    const { log, lines } = recorded({ level: 'info', format });
    const { subject, reads } = asked();

    log({ event: 'cache.lookup', subject });
    log({ event: 'cache.hit', subject, bytes: 1 });
    log({ event: 'cache.coalesced', subject, durationMs: 1 });
    log({ event: 'cache.no_store', subject, reason: 'not-plain' });

    expect(lines).toEqual([]);
    expect(reads.count).toBe(0);
  });

  it.each([
    ['info', 0],
    ['debug', 2],
  ] as const)('at %s writes %i lines of a quiet prefix that is made anew', (level, count) => {
    const { log, lines } = recorded({ level }, (prefix) => prefix === 'system_stats');
    const { subject } = asked();

    log({ event: 'cache.miss', subject });
    log({ event: 'cache.stored', subject, ttlMs: 1000, bytes: 1 });

    expect(lines).toHaveLength(count);
  });

  it('tells at info what goes wrong with a quiet prefix', () => {
    const { log, lines } = recorded({ level: 'info' }, () => true);

    log({ event: 'cache.get_error', subject: asked().subject, reason: 'timeout' });

    expect(lines).toHaveLength(1);
  });

  it('writes a miss at info, for machines with its key', () => {
    const { log, lines } = recorded({ level: 'info', format: 'json' });

    log({ subject: asked().subject, event: 'cache.miss' });

    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        time: '2026-02-05T18:52:18.123Z',
        level: 'info',
        event: 'cache.miss',
        message: '❌ Cache MISS for system_stats - executing function',
        prefix: 'system_stats',
        key: 'cache:system_stats:1',
      },
    ]);
  });

  it('tells once that requests go past the store, and again when that was over meanwhile', () => {
    const { log, lines } = recorded({ level: 'warn' });
    const { subject } = asked();
    const warning = '18:52:18 - WARNING - ⚠️ Falling back to uncached execution';

    for (let n = 0; n < 3; n++) log({ event: 'cache.fallback', subject });
    expect(lines).toEqual([warning]);

    log({ event: 'cache.breaker', state: 'half-open' });
    log({ event: 'cache.fallback', subject });
    expect(lines.filter((line) => line === warning)).toHaveLength(1);

    log({ event: 'cache.breaker', state: 'closed' });
    log({ event: 'cache.fallback', subject });
    log({ event: 'cache.connected' });
    log({ event: 'cache.fallback', subject });
    expect(lines.filter((line) => line === warning)).toHaveLength(3);
  });

  it('names the request that a line is about; of connections none, whoever came upon it', () => {
    const { log, lines } = recorded({ format: 'json', requestId: () => 'request-1' });

    log({ event: 'cache.miss', subject: asked().subject });
    log({ event: 'cache.breaker', state: 'open' });

    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.map(({ event, request_id }) => [event, request_id])).toEqual([
      ['cache.miss', 'request-1'],
      ['cache.breaker', undefined],
    ]);
  });

  it.each(['text', 'json'] as const)('tells nothing of what was thrown but its name (%s)', (format) => {
    const { log, lines } = recorded({ format });
    const { subject } = asked();
    const error = Object.assign(new Error('secret'), {
      parameters: ['secret'],
      detail: 'Key (email)=(secret)',
    });

    log({ event: 'cache.refresh_failed', subject, reason: 'QueryFailedError', error });
    log({ event: 'cache.no_store', subject, reason: 'rule-failed', error });
    log({ event: 'cache.key_failed', method: 'Books.get', reason: 'QueryFailedError', error });
    log({ event: 'cache.rule_failed', method: 'Books.change', reason: 'QueryFailedError', error });

    expect(lines).toHaveLength(4);
    expect(lines.join()).not.toContain('secret');
    expect(lines.join()).not.toContain('"error":');
  });

  it('says in words why the connection was lost', () => {
    const { log, lines } = recorded({ level: 'warn' });

    log({ event: 'cache.reconnecting', attempt: 1, delayMs: 49, reason: 'ECONNRESET' });

    expect(lines).toEqual([
      '18:52:18 - WARNING - 🔌 Reconnecting to Redis (attempt 1, in 49 ms): ECONNRESET',
    ]);
  });

  it('names the header that the route does not store', () => {
    const { log, lines } = recorded();

    log({ event: 'cache.no_store', subject: asked().subject, reason: 'header', header: 'x-total' });

    expect(lines).toEqual([
      '18:52:18 - DEBUG - ⚠️ Result not cached for system_stats: its handler set a header that the route does not store (x-total)',
    ]);
  });

  it('tells once why a method is never stored, and each time why a result was not', () => {
    const { log, lines } = recorded();
    const { subject } = asked();

    for (const reason of ['not-plain', 'newer-write', 'not-plain', 'newer-write', 'rule-failed'] as const)
      log({ event: 'cache.no_store', subject, reason });

    expect(lines).toEqual([
      '18:52:18 - DEBUG - ⚠️ Result not cached for system_stats: it is no JSON object or array',
      '18:52:18 - DEBUG - ⚠️ Result not cached for system_stats: computed before a newer write',
      '18:52:18 - DEBUG - ⚠️ Result not cached for system_stats: computed before a newer write',
      '18:52:18 - DEBUG - ⚠️ Result not cached for system_stats: a function that says how to keep it threw',
    ]);
  });
});
