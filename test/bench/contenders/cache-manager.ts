import KeyvRedis from '@keyv/redis';
import { CACHE_MANAGER, CacheInterceptor, CacheModule, CacheTTL, type Cache } from '@nestjs/cache-manager';
import { Controller, Get, Inject, Param, Post, UseInterceptors, type Type } from '@nestjs/common';
import { Guarded, serve, type Contender } from '../application.js';
import { courseOf, type Course } from '../bodies.js';
import { Source, type Versioned } from '../source.js';

/** The interceptor on the controller, and of the two stores that the documentation of Nest shows the one in Redis. */
export function cacheManager(description: string): Contender {
  return {
    description,
    start: (redisUrl, name, sourceUrl = '') =>
      serve({
        imports: [CacheModule.register({ stores: [new KeyvRedis(redisUrl)], namespace: name })],
        controllers: [cacheManagerController(), cacheManagerVersions()],
        providers: [{ provide: Source, useValue: new Source(sourceUrl) }],
      }),
  };
}

function cacheManagerController(): Type {
  @Controller('courses')
  @UseInterceptors(CacheInterceptor)
  class CacheManagerController {
    @Get(':size/:id')
    @Guarded(true)
    @CacheTTL(3_600_000)
    course(@Param('size') size: string, @Param('id') id: string): Course {
      return courseOf(Number(size), Number(id));
    }
  }
  return CacheManagerController;
}

function cacheManagerVersions(): Type {
  @Controller('versions')
  @UseInterceptors(CacheInterceptor)
  class CacheManagerVersionsController {
    constructor(
      @Inject(CACHE_MANAGER) private readonly cache: Cache,
      private readonly source: Source,
    ) {}

    @Get(':id')
    @CacheTTL(3_600_000)
    version(@Param('id') id: string): Promise<Versioned> {
      return this.source.read(id);
    }

    @Post(':id')
    async write(@Param('id') id: string): Promise<Versioned> {
      const written = await this.source.write(id);
      await this.cache.del(`/versions/${id}`);
      return written;
    }
  }
  return CacheManagerVersionsController;
}
