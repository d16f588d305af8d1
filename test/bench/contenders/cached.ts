import { Controller, Get, Param, Post, type Type } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import { CacheModule, Cached, InvalidateCache, type CachedOptions } from '../../../src/cache/index.js';
import { courseOf, type Course } from '../bodies.js';
import { Guarded, serve, type Adapter, type Contender } from '../application.js';
import { Source, type Versioned } from '../source.js';

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
    start: (redisUrl, name, sourceUrl = '') =>
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
          controllers: [cachedController(settings), cachedVersions(settings)],
          providers: [{ provide: Source, useValue: new Source(sourceUrl) }],
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

function cachedVersions({ consistency }: CachedSettings): Type {
  @Controller('versions')
  class CachedVersionsController {
    constructor(private readonly source: Source) {}

    @Get(':id')
    @Cached({ ttl: 3600, prefix: 'version', scope: 'shared', tags: ['version:{id}'], consistency })
    version(@Param('id') id: string): Promise<Versioned> {
      return this.source.read(id);
    }

    @Post(':id')
    @InvalidateCache('version:{id}')
    write(@Param('id') id: string): Promise<Versioned> {
      return this.source.write(id);
    }
  }
  return CachedVersionsController;
}
