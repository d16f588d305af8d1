import { randomUUID } from 'node:crypto';
import { Controller, Get, Param, Res, type INestApplication, type Type } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import supertest from 'supertest';
import { Cached, CacheService, RedisService, type CacheModuleEvent } from '../../src/cache/index.js';
import { AnswerShapes } from '../../src/http/answer-shapes.js';
import { operationId } from '../../src/http/operation-id.js';
import { eachAdapter, startCachedApp } from '../support/cached-app.js';
import { figure, isMeasuring } from '../support/figures.js';
import { HttpConnection } from '../support/http-connection.js';
import { pollUntil, required } from '../support/processes.js';

class OldDto {
  @ApiProperty({ type: String })
  name!: string;
}

class NewDto extends OldDto {
  @ApiProperty({ type: Number })
  grade!: number;
}

/** As the old one, with other words for people. */
class RewordedDto {
  @ApiProperty({ type: String, description: 'How it is called', example: 'a' })
  name!: string;
}

const options = { ttl: 60, prefix: 'build_view', scope: 'shared' } as const;

@Controller('views')
class OldBuild {
  @Get(':id')
  @Cached(options)
  @ApiOkResponse({ type: OldDto })
  view(@Param('id') id: string): OldDto {
    return { name: id };
  }
}

@Controller('views')
class NewBuild {
  @Get(':id')
  @Cached(options)
  @ApiOkResponse({ type: NewDto })
  view(@Param('id') id: string): NewDto {
    return { name: id, grade: 7 };
  }
}

@Controller('views')
class RewordedBuild {
  @Get(':id')
  @Cached(options)
  @ApiOkResponse({ type: RewordedDto })
  view(@Param('id') _id: string): RewordedDto {
    throw new Error('the entry of the old build should do');
  }
}

let room = 'r1';

@Controller('views')
class BuildBeforeRooms {
  @Get(':id')
  @Cached({ ttl: 60, prefix: 'view', scope: 'shared', shape: 'by hand' })
  view(@Param('id') id: string): unknown {
    return { id, room };
  }
}

@Controller('views')
class BuildWithRooms {
  @Get(':id')
  @Cached<BuildWithRooms['view']>({
    ttl: 60,
    prefix: 'view',
    scope: 'shared',
    shape: 'by hand',
    tags: (_, view) => [`room:${view.room}`],
    families: ['room'],
  })
  view(@Param('id') id: string): { id: string; room: string } {
    return { id, room };
  }
}

const linked = { body: { name: 'v' }, link: '</views/next>; rel="next"' };

@Controller('views')
class BuildWithLinks {
  @Get(':id')
  @Cached({ ...options, store: { headers: ['Link', 'x-total-count'] } })
  @ApiOkResponse({ type: OldDto })
  view(
    @Param('id') id: string,
    @Res({ passthrough: true }) response: { header(name: string, value: string): unknown },
  ): OldDto {
    void response.header('link', linked.link);
    return { name: id };
  }
}

@Controller('views')
class BuildWithSameLinks {
  @Get(':id')
  @Cached({ ...options, store: { headers: ['x-total-count', 'link'] } })
  @ApiOkResponse({ type: OldDto })
  view(@Param('id') _id: string): OldDto {
    throw new Error('the entry of the other build should do');
  }
}

@Controller('views')
class BuildWithoutSchema {
  @Get(':id')
  @Cached(options)
  view(@Param('id') id: string): unknown {
    return { id };
  }

  @Get(':id/named')
  @Cached({ ttl: 60, prefix: 'named_view', scope: 'shared', shape: 'by hand' })
  named(@Param('id') id: string): unknown {
    return { id };
  }
}

jest.setTimeout(isMeasuring ? 900_000 : 30_000);

describe.each(eachAdapter)('on %s', (adapter) => {
  let namespace: string;
  let running: INestApplication[] = [];

  beforeEach(() => {
    namespace = `shapes-${randomUUID()}:`;
  });

  afterEach(async () => {
    await Promise.all(running.map((app) => app.close()));
    running = [];
  });

  /** A process of its own that runs one build. */
  async function start(build: Type, onEvent: (event: CacheModuleEvent) => void = () => undefined) {
    const shapes = new AnswerShapes();
    const { app, url } = await startCachedApp({
      adapter,
      controllers: [build],
      options: {
        // A busy machine shall not look like a slow Redis.
        redis: { url: required('TEST_REDIS_URL'), commandTimeoutMs: 5000 },
        namespace,
        shapeOf: (route) => shapes.of(route),
        onEvent,
      },
      configure: (made) => {
        const options = { operationIdFactory: operationId };
        shapes.readFrom(() => SwaggerModule.createDocument(made, new DocumentBuilder().build(), options));
      },
    });
    running.push(app);
    await pollUntil(() => app.get(RedisService).status() === 'connected', 10_000);
    return {
      app,
      url,
      get: async (id: string) => {
        const { body, headers } = await supertest(url).get(`/views/${id}`).expect(200);
        await app.get(CacheService).settle();
        const { link } = headers;
        return { body: body as object, outcome: headers['x-cache'], ...(link !== undefined && { link }) };
      },
    };
  }

  describe('two builds that answer one route in two shapes, on one Redis', () => {
    it('F43: never read each other’s entries', async () => {
      // Which framework it is says nothing of what the store keeps: one is measured at length.
      const isLong = isMeasuring && adapter === 'fastify';
      const [rounds, ids] = [isLong ? 2000 : 4, 50];
      const clients = () => Array.from({ length: ids }, () => new HttpConnection(60_000));
      const builds = [
        { ...(await start(OldBuild)), clients: clients(), shaped: (id: string) => ({ name: id }) },
        { ...(await start(NewBuild)), clients: clients(), shaped: (id: string) => ({ name: id, grade: 7 }) },
      ];
      let [reads, wrong] = [0, 0];
      const outcomes = new Set<string | undefined>();

      for (let round = 0; round < rounds; round++) {
        // What one build has just stored is the only thing that the other could find.
        for (const { url, app, clients, shaped } of round % 2 === 0 ? builds : builds.toReversed()) {
          const port = Number(new URL(url).port);
          const asked = clients.map(async (client, n) => {
            const id = `v${round}-${n}`;
            const { head, body } = await client.ask(port, 'GET', `/views/${id}`);
            outcomes.add(/\r\nx-cache: (\w+)/.exec(head)?.[1]);
            if (body !== JSON.stringify(shaped(id))) wrong++;
          });
          await Promise.all(asked);
          await app.get(CacheService).settle();
        }
        reads += ids;
      }
      for (const { clients } of builds) for (const client of clients) client.close();

      if (isLong || !isMeasuring) {
        figure('F43', 'reads of what the other build had stored', reads, { atLeast: 100_000 });
        figure('F43', 'of them of the wrong shape', wrong, { atMost: 0 });
      }
      expect(wrong).toBe(0);
      expect(outcomes).toEqual(new Set(['miss']));
      // Each finds its own; in the long form the first of them have expired by now.
      for (const { get } of builds) expect((await get(`v${rounds - 1}-0`)).outcome).toBe('HIT');
    });

    it('keep what they find, so that neither takes the place of the other again and again', async () => {
      const older = await start(OldBuild);
      expect(await older.get('v')).toEqual({ body: { name: 'v' }, outcome: 'MISS' });

      const newer = await start(NewBuild);
      expect((await newer.get('v')).outcome).toBe('MISS');
      expect((await newer.get('v')).outcome).toBe('HIT');

      const another = await start(OldBuild);
      expect(await another.get('v')).toEqual({ body: { name: 'v' }, outcome: 'HIT' });
    });

    it('read no entries of one whose functions named no tags, or others: no write would find them', async () => {
      await (await start(BuildBeforeRooms)).get('v');
      const newer = await start(BuildWithRooms);
      room = 'r2';
      await newer.app.get(CacheService).invalidate('room:r1');

      expect(await newer.get('v')).toEqual({ body: { id: 'v', room: 'r2' }, outcome: 'MISS' });
      expect(await (await start(BuildWithRooms)).get('v')).toMatchObject({ body: { room: 'r2' } });
    });

    it('read no entries of one that stored fewer headers: these would lack some', async () => {
      await (await start(OldBuild)).get('v');

      expect(await (await start(BuildWithLinks)).get('v')).toEqual({ ...linked, outcome: 'MISS' });
    });

    it('read each other’s entries if they only name the headers in another order', async () => {
      await (await start(BuildWithLinks)).get('v');

      expect(await (await start(BuildWithSameLinks)).get('v')).toEqual({ ...linked, outcome: 'HIT' });
    });

    it('read each other’s entries if only words for people differ', async () => {
      await (await start(OldBuild)).get('v');

      expect(await (await start(RewordedBuild)).get('v')).toEqual({ body: { name: 'v' }, outcome: 'HIT' });
    });
  });

  it('a route whose shape nothing names is told once, at the start', async () => {
    const events: CacheModuleEvent[] = [];
    await start(BuildWithoutSchema, (event) => events.push(event));

    expect(events.filter(({ event }) => event === 'cache.shape_unknown')).toEqual([
      { event: 'cache.shape_unknown', method: 'BuildWithoutSchema.view' },
    ]);
  });
});
