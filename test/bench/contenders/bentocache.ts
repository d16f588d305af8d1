import { Controller, Get, Inject, Param, type Type } from '@nestjs/common';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Guarded, serve, type Contender } from '../application.js';
import { courseOf, type Course } from '../bodies.js';

type Bento = Pick<BentoCache<Record<string, never>>, 'getOrSet'>;

const BENTO = Symbol('bentocache');

/** Memory, Redis and a bus between processes, as its documentation shows them; `getOrSet` in the handler. */
export function bentocache(description: string): Contender {
  return {
    description,
    async start(redisUrl, name) {
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
        controllers: [bentoController()],
        providers: [{ provide: BENTO, useValue: bento }],
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
