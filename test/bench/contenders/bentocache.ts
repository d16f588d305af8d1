import { Controller, Get, Inject, Param, Post, type Type } from '@nestjs/common';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Guarded, serve, type Contender } from '../application.js';
import { courseOf, type Course } from '../bodies.js';
import { Source, type Versioned } from '../source.js';

type Bento = Pick<BentoCache<Record<string, never>>, 'getOrSet' | 'delete'>;

const BENTO = Symbol('bentocache');

/** Memory, Redis and a bus between processes, as its documentation shows them; `getOrSet` in the handler. */
export function bentocache(description: string): Contender {
  return {
    description,
    async start(redisUrl, name, sourceUrl = '') {
      const { hostname: host, port, password } = new URL(redisUrl);
      const connection = { host, port: Number(port), password };
      const bento = new BentoCache({
        default: 'tiers',
        prefix: name,
        stores: {
          tiers: bentostore()
            .useL1Layer(memoryDriver({ maxSize: '64mb' }))
            .useL2Layer(redisDriver({ connection }))
            .useBus(redisBusDriver({ connection })),
        },
      });
      const server = await serve({
        controllers: [bentoController(), bentoVersions()],
        providers: [
          { provide: BENTO, useValue: bento },
          { provide: Source, useValue: new Source(sourceUrl) },
        ],
      });
      return {
        ...server,
        async close() {
          await server.close();
          await bento.disconnectAll();
        },
      };
    },
  };
}

function bentoController(): Type {
  @Controller('courses')
  class BentoController {
    constructor(@Inject(BENTO) private readonly bento: Bento) {}

    @Get(':size/:id')
    @Guarded(true)
    course(@Param('size') size: string, @Param('id') id: string): Promise<Course> {
      return this.bento.getOrSet({
        key: `course:${size}:${id}`,
        ttl: '1h',
        factory: () => courseOf(Number(size), Number(id)),
      });
    }
  }
  return BentoController;
}

function bentoVersions(): Type {
  @Controller('versions')
  class BentoVersionsController {
    constructor(
      @Inject(BENTO) private readonly bento: Bento,
      private readonly source: Source,
    ) {}

    @Get(':id')
    version(@Param('id') id: string): Promise<Versioned> {
      return this.bento.getOrSet({
        key: `version:${id}`,
        ttl: '1h',
        factory: () => this.source.read(id),
      });
    }

    @Post(':id')
    async write(@Param('id') id: string): Promise<Versioned> {
      const written = await this.source.write(id);
      await this.bento.delete({ key: `version:${id}` });
      return written;
    }
  }
  return BentoVersionsController;
}
