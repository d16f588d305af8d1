import { Logger } from '@nestjs/common';
import type { CacheModuleEvent } from '../cache.options.js';
import { CacheError } from '../engine/cache-errors.js';
import { systemClock, type Clock } from '../engine/clock.js';
import { News } from '../engine/news.js';
import { lastingReasons, withoutRepeats } from './without-repeats.js';

type Line = readonly [level: 'log' | 'warn' | 'error', text: string] | undefined;
type Lines = {
  readonly [Name in CacheModuleEvent['event']]?: (event: Extract<CacheModuleEvent, { event: Name }>) => Line;
};

const lines: Lines = {
  'cache.connected': ({ server }) => ['log', `Redis${at(server)} is connected`],
  'cache.connect_failed': ({ reason, server }) => [
    'warn',
    `Redis${at(server)} cannot be reached (${reason}): it is tried again`,
  ],
  'cache.reconnecting': ({ reason, server }) => [
    'warn',
    `The connection to Redis${at(server)} was lost (${reason})`,
  ],
  'cache.get_error': ({ subject }) => ['warn', `The store could not be read for ${subject.prefix}`],
  'cache.set_error': ({ subject }) => ['warn', `The store could not be written for ${subject.prefix}`],
  'cache.breaker': ({ state, server }) =>
    state === 'open'
      ? ['warn', `Redis${at(server)} answers late or not at all: it is not asked for now`]
      : undefined,
  'cache.fallback': () => [
    'warn',
    'Answers are made past the cache, for its store does not answer or it is switched off',
  ],
  'cache.overloaded': ({ subject }) => [
    'warn',
    `Callers of ${subject.prefix} are refused: the store is away, and too many answers are being made`,
  ],
  // All else is what the method wants, or a newer write.
  'cache.no_store': ({ subject, reason, header, error }) => {
    const which = header === undefined ? withoutForm(error) : ` ${header}`;
    return lastingReasons.has(reason)
      ? ['warn', `A result of ${subject.prefix} is not kept: ${reason}${which}`]
      : undefined;
  },
  'cache.key_failed': ({ method, reason, error }) => [
    'warn',
    `A call of ${method} has no key (${reason}${withoutForm(error)}), so it is answered past the cache`,
  ],
  'cache.shape_unknown': ({ method }) => [
    'log',
    `Nothing names the form of what ${method} answers: give @Cached a shape, or old answers outlive a change of it`,
  ],
  'cache.bypass': ({ method, reason }) => [
    'warn',
    `Requests to ${method} are answered past the cache: ${reason}`,
  ],
  'cache.scope_unknown': ({ method }) => [
    'warn',
    `Requests to ${method} with Authorization are answered past the cache: give @Cached a scope`,
  ],
  'cache.decode_error': ({ subject }) => [
    'warn',
    `What is kept for ${subject.prefix} was not written by this cache`,
  ],
  'cache.refresh_failed': ({ subject, reason }) => [
    'warn',
    `An answer of ${subject.prefix} cannot be refreshed: ${reason}`,
  ],
  'cache.rule_failed': ({ method, reason }) => [
    'error',
    `@InvalidateCache on ${method} cannot tell what is old (${reason}): everything is invalidated`,
  ],
  'cache.invalidate_error': () => [
    'error',
    'The store has not confirmed an invalidation: it is tried again, and this process reads nothing old meanwhile',
  ],
  'cache.invalidated_late': () => [
    'log',
    'The store has confirmed what it had not: this process reads that again',
  ],
  'cache.audit_wrong': ({ subject }) => [
    'error',
    `An answer of ${subject.prefix} was old: what it was made from has changed without an invalidation`,
  ],
};

/** Writes what somebody should know to Nest's logger, as `Cache`: for applications that do not listen to events. */
export function logWarnings(
  logger = new Logger('Cache'),
  clock: Clock = systemClock,
): (event: CacheModuleEvent) => void {
  const news = new News(clock);
  return withoutRepeats((event) => {
    const line = lines[event.event] as ((event: CacheModuleEvent) => Line) | undefined;
    const [level, text] = line?.(event) ?? [];
    if (!level || text === undefined) return;
    // Now that it is back, it is news if it is lost again.
    if (event.event === 'cache.connected') news.forget();
    else if (!news.isNew(text)) return;
    logger[level](text);
  }, clock);
}

/** What has no form to be kept in: the text of such an error names its kind, and quotes nothing. */
function withoutForm(error: unknown): string {
  return error instanceof CacheError && error.code === 'CACHE_UNSERIALISABLE' ? `: ${error.message}` : '';
}

function at(server: string | undefined): string {
  return server === undefined ? '' : ` at ${server}`;
}
