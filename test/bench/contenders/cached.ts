import { Controller, Get, Param, type Type } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import { CacheModule, Cached, type CachedOptions } from '../../../src/cache/index.js';
import { courseOf, type Course } from '../bodies.js';
import { Guarded, serve, type Adapter, type Contender } from '../application.js';

interface CachedSettings {
  readonly consistency: 'strong' | 'bounded';
  readonly isGuarded: boolean;
  readonly adapter?: Adapter;
  /** Bound of the tier in the process, bytes; 0: Redis only. */
  readonly maxBytes?: number;
  /** Part of the hits that is checked against the handler behind the answer. Default: the cache's own */
  readonly auditRate?: number;
  readonly ttlSeconds?: number;
  /** What the handler waits for before it answers, ms. */
  readonly handlerMs?: number;
}

/** When the handlers that take their time began, ms. */
export const runsAtMs: number[] = [];

/** The cache of this project, in an application of its own. Every answer carries the tag `size:{size}`. */
export function cached(description: string, settings: CachedSettings): Contender {
  const { adapter, maxBytes, auditRate } = settings;
  return {
    description,
    start: (redisUrl, name) =>
      serve(
        {
          imports: [
            CacheModule.forRoot({
              redis: { url: redisUrl },
              namespace: `${name}:`,
              ...(maxBytes === undefined ? {} : { maxBytes }),
              ...(auditRate === undefined ? {} : { auditRate }),
            }),
          ],
          controllers: [cachedController(settings)],
        },
        adapter,
      ),
  };
}

function cachedController({
  consistency,
  isGuarded,
  ttlSeconds = 3600,
  handlerMs = 0,
}: CachedSettings): Type {
  const options: CachedOptions & { consistency: 'strong' | 'bounded' } = {
    ttl: ttlSeconds,
    prefix: 'course',
    scope: 'shared',
    tags: ['size:{size}'],
    consistency,
  };

  @Controller('courses')
  class CachedController {
    @Get(':size/:id')
    @Guarded(isGuarded)
    @Cached(options)
    async course(@Param('size') size: string, @Param('id') id: string): Promise<Course> {
      if (handlerMs > 0) {
        runsAtMs.push(performance.now());
        await wait(handlerMs);
      }
      return courseOf(Number(size), Number(id));
    }
  }
  return CachedController;
}
