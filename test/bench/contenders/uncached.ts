import { Controller, Get, Param, type Type } from '@nestjs/common';
import { CacheModule, Cached } from '../../../src/cache/index.js';
import { Guarded, serve, type Contender } from '../application.js';
import { courseOf, type Course } from '../bodies.js';

/** The same handler without any cache. It builds its answer from rows in memory: nobody waits for a database. */
export function uncached(description: string, { isGuarded }: { isGuarded: boolean }): Contender {
  return { description, start: () => serve({ controllers: [uncachedController(isGuarded)] }) };
}

/** The same handler, uncached, in an application whose other routes are cached. */
export function uncachedBesideCached(description: string): Contender {
  return {
    description,
    start: (redisUrl, name) =>
      serve({
        imports: [CacheModule.forRoot({ redis: { url: redisUrl }, namespace: `${name}:` })],
        controllers: [uncachedController(false), neighbourController()],
      }),
  };
}

function uncachedController(isGuarded: boolean): Type {
  @Controller('courses')
  class UncachedController {
    @Get(':size/:id')
    @Guarded(isGuarded)
    course(@Param('size') size: string, @Param('id') id: string): Course {
      return courseOf(Number(size), Number(id));
    }
  }
  return UncachedController;
}

function neighbourController(): Type {
  @Controller('neighbours')
  class NeighbourController {
    @Get(':id')
    @Cached({ ttl: 60, prefix: 'neighbour' })
    neighbour(@Param('id') id: string): Promise<{ id: string }> {
      return Promise.resolve({ id });
    }
  }
  return NeighbourController;
}
