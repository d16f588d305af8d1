import KeyvRedis from '@keyv/redis';
import { CacheInterceptor, CacheModule, CacheTTL } from '@nestjs/cache-manager';
import { Controller, Get, Param, UseInterceptors, type Type } from '@nestjs/common';
import { Guarded, serve, type Contender } from '../application.js';
import { courseOf, type Course } from '../bodies.js';

/** The interceptor on the controller, and of the two stores that the documentation of Nest shows the one in Redis. */
export function cacheManager(description: string): Contender {
  return {
    description,
    start: (redisUrl, name) =>
      serve({
        imports: [CacheModule.register({ stores: [new KeyvRedis(redisUrl)], namespace: name })],
        controllers: [cacheManagerController()],
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
