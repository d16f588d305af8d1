import { Logger } from '@nestjs/common';
import type { CacheModuleEvent } from '../cache.options.js';
import { CacheError } from '../engine/cache-errors.js';
import type { Subject } from '../engine/subject.js';
import { logWarnings } from './log-warnings.js';
import { FakeClock } from '../testing/index.js';

const subject = { prefix: 'book' } as Subject;

/** @returns how it listens, and what it has written */
function listening(clock = new FakeClock()) {
  const lines: string[] = [];
  const logger = new Logger('Cache');
  for (const level of ['log', 'warn', 'error'] as const) {
    jest
      .spyOn(logger, level)
      .mockImplementation((...[text]: unknown[]) => void lines.push(`${level} ${String(text)}`));
  }
  return { tell: logWarnings(logger, clock), clock, lines };
}

function written(...events: CacheModuleEvent[]): string[] {
  const { tell, lines } = listening();
  events.forEach(tell);
  return lines;
}

describe('an application that listens to no events', () => {
  it('is told what should be known', () => {
    expect(
      written(
        { event: 'cache.connect_failed', reason: 'ECONNREFUSED' },
        { event: 'cache.reconnecting', attempt: 1, delayMs: 1, reason: 'timeout', server: 'h:1' },
        { event: 'cache.reconnecting', attempt: 2, delayMs: 2, reason: 'timeout', server: 'h:1' },
        { event: 'cache.breaker', state: 'open' },
        { event: 'cache.breaker', state: 'half-open' },
        { event: 'cache.rule_failed', method: 'Books.change', reason: 'TypeError', error: undefined },
        { event: 'cache.audit_wrong', subject, afterMs: 100 },
        { event: 'cache.invalidate_error', tags: [], reason: 'redis://user:secret@h' },
      ),
    ).toEqual([
      'warn Redis cannot be reached (ECONNREFUSED): it is tried again',
      'warn The connection to Redis at h:1 was lost (timeout)',
      'warn Redis answers late or not at all: it is not asked for now',
      'error @InvalidateCache on Books.change cannot tell what is old (TypeError): everything is invalidated',
      'error An answer of book was old: what it was made from has changed without an invalidation',
      'error The store has not confirmed an invalidation: it is tried again, and this process reads nothing old meanwhile',
    ]);
  });

  it('is told what has no form to be kept or to be in a key, and of other errors nothing that they may quote', () => {
    const error = new CacheError('CACHE_UNSERIALISABLE', 'a Map cannot be stored');
    const quoting = new CacheError('CACHE_INVALID_OPTIONS', "tags: 'secret' begins no tag");
    const unkeyed = { event: 'cache.key_failed', method: 'Books.get' } as const;

    expect(
      written(
        { event: 'cache.no_store', subject, reason: 'unserialisable', error },
        { event: 'cache.no_store', subject, reason: 'rule-failed', error: quoting },
        { ...unkeyed, reason: error.code, error },
        { ...unkeyed, reason: quoting.code, error: quoting },
      ),
    ).toEqual([
      'warn A result of book is not kept: unserialisable: a Map cannot be stored',
      'warn A result of book is not kept: rule-failed',
      'warn A call of Books.get has no key (CACHE_UNSERIALISABLE: a Map cannot be stored), so it is answered past the cache',
      'warn A call of Books.get has no key (CACHE_INVALID_OPTIONS), so it is answered past the cache',
    ]);
  });

  it('is told once what comes again with every request, and of an outage once a minute until it is over', () => {
    const { tell, clock, lines } = listening();
    const unkept: CacheModuleEvent = {
      event: 'cache.no_store',
      subject,
      reason: 'header',
      header: 'x-total',
    };
    const past: CacheModuleEvent = { event: 'cache.fallback', subject };
    const unkeyed: CacheModuleEvent = {
      event: 'cache.key_failed',
      method: 'Books.get',
      reason: 'TypeError',
      error: undefined,
    };
    const outage = expect.stringContaining('warn Answers are made past the cache');
    const takenLines = () => lines.splice(0);

    const unscoped: CacheModuleEvent = { event: 'cache.scope_unknown', method: 'Books.get' };
    const ofNobody: CacheModuleEvent = {
      event: 'cache.bypass',
      prefix: 'book',
      method: 'Books.get',
      reason: 'nobody-to-share-with',
    };
    const told: CacheModuleEvent = { ...ofNobody, reason: 'authorization' };
    const all = [unkept, past, unkeyed, unscoped, ofNobody, told];
    for (const event of all.flatMap((one) => [one, one])) tell(event);
    expect(takenLines()).toEqual([
      'warn A result of book is not kept: header x-total',
      outage,
      expect.stringContaining('warn A call of Books.get has no key'),
      expect.stringContaining('warn Requests to Books.get with Authorization'),
      'warn Requests to Books.get are answered past the cache: nobody-to-share-with',
    ]);
    clock.advance(59_999);
    tell(past);
    expect(takenLines()).toEqual([]);
    clock.advance(1);
    for (const event of [past, past, unkept, unkeyed]) tell(event);
    expect(takenLines()).toEqual([outage]);
    for (const event of [{ event: 'cache.connected' } as const, past, past]) tell(event);
    expect(takenLines()).toEqual(['log Redis is connected', outage]);
  });

  it('is told once that the cache is switched off, and anew of what is lost again', () => {
    const off: CacheModuleEvent = { event: 'cache.fallback', subject, reason: 'switched-off' };
    const lost: CacheModuleEvent = { event: 'cache.reconnecting', attempt: 1, delayMs: 1, reason: 'timeout' };
    const { tell, clock, lines } = listening();

    tell(off);
    clock.advance(3_600_000);
    tell(off);
    for (const event of [lost, lost, { event: 'cache.connected' } as const, lost]) tell(event);

    const loss = 'warn The connection to Redis was lost (timeout)';
    expect(lines).toEqual([expect.stringContaining('switched off'), loss, 'log Redis is connected', loss]);
  });

  it('is told once a minute of what goes wrong again and again', () => {
    const { tell, clock, lines } = listening();
    const failed = (method: string): CacheModuleEvent => ({
      event: 'cache.rule_failed',
      method,
      reason: 'TypeError',
      error: undefined,
    });

    for (let n = 0; n < 1000; n++) tell(failed('Books.change'));
    tell(failed('Books.add'));
    expect(lines).toHaveLength(2);
    clock.advance(60_000);
    tell(failed('Books.change'));
    expect(lines).toHaveLength(3);
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
