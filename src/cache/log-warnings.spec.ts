import { Logger } from '@nestjs/common';
import type { CacheModuleEvent } from './cache.options.js';
import type { Subject } from './engine/subject.js';
import { logWarnings } from './log-warnings.js';

const subject = { prefix: 'book' } as Subject;

function written(...events: CacheModuleEvent[]): string[] {
  const lines: string[] = [];
  const logger = new Logger('Cache');
  for (const level of ['log', 'warn', 'error'] as const) {
    jest
      .spyOn(logger, level)
      .mockImplementation((...[text]: unknown[]) => void lines.push(`${level} ${String(text)}`));
  }
  events.forEach(logWarnings(logger));
  return lines;
}

describe('an application that listens to no events', () => {
  it('is told what should be known', () => {
    expect(
      written(
        { event: 'cache.connect_failed', reason: 'ECONNREFUSED' },
        { event: 'cache.rule_failed', method: 'Books.change', reason: 'TypeError' },
        { event: 'cache.audit_wrong', subject, afterMs: 100 },
        { event: 'cache.invalidate_error', tags: [], reason: 'timeout' },
      ),
    ).toEqual([
      'warn Redis cannot be reached (ECONNREFUSED): it is tried again',
      'error A function of @InvalidateCache on Books.change failed (TypeError): everything is invalidated',
      'error An answer of book was old: what it was made from has changed without an invalidation',
      'error Redis has not confirmed an invalidation (timeout): it is tried again, and until then Redis is not read',
    ]);
  });

  it('is told once what comes again with every request, until it was over', () => {
    const unkept: CacheModuleEvent = { event: 'cache.no_store', subject, reason: 'header' };
    const past: CacheModuleEvent = { event: 'cache.fallback', subject };
    const unkeyed: CacheModuleEvent = { event: 'cache.key_failed', method: 'Books.get', reason: 'TypeError' };

    expect(written(unkept, unkept, past, past, { event: 'cache.connected' }, past, unkeyed, unkeyed)).toEqual(
      [
        'warn A result of book is not kept: header',
        'warn Redis is away: answers are made without it until it is back',
        'log Redis is connected',
        'warn Redis is away: answers are made without it until it is back',
        expect.stringContaining('warn A request to Books.get has no key'),
      ],
    );
  });

  it('is not told of what happens all the time', () => {
    expect(
      written(
        { event: 'cache.hit', subject, bytes: 1 },
        { event: 'cache.no_store', subject, reason: 'unless' },
        { event: 'cache.no_store', subject, reason: 'newer-write' },
      ),
    ).toEqual([]);
  });
});
