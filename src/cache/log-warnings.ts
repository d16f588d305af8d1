import { Logger } from '@nestjs/common';
import type { CacheModuleEvent } from './cache.options.js';
import { withoutRepeats } from './without-repeats.js';

type Lines = {
  readonly [Name in CacheModuleEvent['event']]?: (
    event: Extract<CacheModuleEvent, { event: Name }>,
  ) => readonly [level: 'log' | 'warn' | 'error', text: string] | undefined;
};

/** `unless` and a TTL of 0 are what the method wants, and a newer write is what happens. */
const wanted: ReadonlySet<string> = new Set(['newer-write', 'unless', 'no-ttl']);

const lines: Lines = {
  'cache.connected': () => ['log', 'Redis is connected'],
  'cache.connect_failed': ({ reason }) => ['warn', `Redis cannot be reached (${reason}): it is tried again`],
  'cache.fallback': () => ['warn', 'Redis is away: answers are made without it until it is back'],
  'cache.no_store': ({ subject, reason }) =>
    wanted.has(reason) ? undefined : ['warn', `A result of ${subject.prefix} is not kept: ${reason}`],
  'cache.key_failed': ({ method, reason }) => [
    'warn',
    `A request to ${method} has no key (${reason}), so it is answered past the cache`,
  ],
  'cache.rule_failed': ({ method, reason }) => [
    'error',
    `A function of @InvalidateCache on ${method} failed (${reason}): everything is invalidated`,
  ],
  'cache.invalidate_error': ({ reason }) => [
    'error',
    `Redis has not confirmed an invalidation (${reason}): it is tried again, and until then Redis is not read`,
  ],
  'cache.audit_wrong': ({ subject }) => [
    'error',
    `An answer of ${subject.prefix} was old: what it was made from has changed without an invalidation`,
  ],
};

/** Writes what somebody should know to Nest's logger, as `Cache`: for applications that do not listen to events. */
export function logWarnings(logger = new Logger('Cache')): (event: CacheModuleEvent) => void {
  return withoutRepeats((event) => {
    const line = lines[event.event] as
      ((event: CacheModuleEvent) => ReturnType<NonNullable<Lines[keyof Lines]>>) | undefined;
    const said = line?.(event);
    if (said) logger[said[0]](said[1]);
  });
}
