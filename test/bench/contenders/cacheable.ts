import KeyvRedis from '@keyv/redis';
import { Controller, Get, Inject, Param, Post, type Type } from '@nestjs/common';
import { RedisMessageProvider } from '@qified/redis';
import { Cacheable } from 'cacheable';
import { Guarded, serve, type Contender } from '../application.js';
import { courseOf, type Course } from '../bodies.js';
import { Source, type Versioned } from '../source.js';

const CACHEABLE = Symbol('cacheable');

/** Memory, Redis and its synchronisation of processes, as its documentation shows them; `getOrSet` in the handler. */
export function cacheable(description: string): Contender {
  return {
    description,
    async start(redisUrl, name, sourceUrl = '') {
      const provider = new RedisMessageProvider({ uri: redisUrl });
      const cache = new Cacheable({
        secondary: new KeyvRedis(redisUrl),
        namespace: name,
        sync: { qified: provider },
      });
      cache.on('error', () => undefined);
      const server = await serve({
        controllers: [cacheableController(), cacheableVersions()],
        providers: [
          { provide: CACHEABLE, useValue: cache },
          { provide: Source, useValue: new Source(sourceUrl) },
        ],
      });
      return {
        ...server,
        async close() {
          await server.close();
          await Promise.all([cache.disconnect(), provider.disconnect()]);
        },
      };
    },
  };
}

function cacheableController(): Type {
  @Controller('courses')
  class CacheableController {
    constructor(@Inject(CACHEABLE) private readonly cache: Cacheable) {}

    @Get(':size/:id')
    @Guarded(true)
    course(@Param('size') size: string, @Param('id') id: string): Promise<Course | undefined> {
      return this.cache.getOrSet(
        `course:${size}:${id}`,
        () => Promise.resolve(courseOf(Number(size), Number(id))),
        { ttl: '1h' },
      );
    }
  }
  return CacheableController;
}

function cacheableVersions(): Type {
  @Controller('versions')
  class CacheableVersionsController {
    constructor(
      @Inject(CACHEABLE) private readonly cache: Cacheable,
      private readonly source: Source,
    ) {}

    @Get(':id')
    version(@Param('id') id: string): Promise<Versioned | undefined> {
      return this.cache.getOrSet(`version:${id}`, () => this.source.read(id), { ttl: '1h' });
    }

    @Post(':id')
    async write(@Param('id') id: string): Promise<Versioned> {
      const written = await this.source.write(id);
      await this.cache.delete(`version:${id}`);
      return written;
    }
  }
  return CacheableVersionsController;
}
