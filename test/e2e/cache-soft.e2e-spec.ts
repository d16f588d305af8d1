import { Controller, Delete, Get, type INestApplication, Param, Post } from '@nestjs/common';
import { Cached, CacheService, InvalidateCache, type CacheModuleOptions } from '../../src/cache/index.js';
import { FakeClock, simulateInstances } from '../../src/cache/testing/index.js';
import { eachAdapter, startCachedApp } from '../support/cached-app.js';

let value = 1;

@Controller()
class BoardController {
  @Get('board/:id')
  @Cached({ ttl: 60, prefix: 'board', minFresh: 1, tags: ['game:{id}'] })
  board(@Param('id') id: string) {
    return { id, value };
  }

  @Get('score/:id')
  @Cached({ ttl: 60, prefix: 'score', tags: ['game:{id}'] })
  score(@Param('id') id: string) {
    return { id, value };
  }

  @Get('league')
  @Cached({ ttl: 60, prefix: 'league', minFresh: 1, tags: ['score:*'] })
  league() {
    return { value };
  }

  @Get('table')
  @Cached({ ttl: 60, prefix: 'table', consistency: 'bounded', tags: ['score:*'] })
  table() {
    return { value };
  }

  @Post('goals/:id')
  @InvalidateCache({ tags: 'score:{id}:*', soft: true })
  goal(@Param('id') id: string) {
    return { id, value: ++value };
  }

  @Delete('goals/:id')
  @InvalidateCache('score:{id}:*')
  noGoal(@Param('id') id: string) {
    return { id, value: ++value };
  }

  @Post('moves/:id')
  @InvalidateCache({ tags: 'game:{id}', soft: true })
  move(@Param('id') id: string) {
    return { id, value: ++value };
  }

  @Delete('moves/:id')
  @InvalidateCache('game:{id}')
  takeBack(@Param('id') id: string) {
    return { id, value: ++value };
  }
}

interface Instance {
  readonly app: INestApplication;
  readonly url: string;
}

const clock = new FakeClock();

const writers: [string, () => CacheModuleOptions[]][] = [
  ['this process', () => [{ clock }]],
  ['another process', () => simulateInstances(2, clock)],
];

describe.each(eachAdapter.flatMap((adapter) => writers.map((writer) => [adapter, ...writer] as const)))(
  'on %s a soft invalidation by %s',
  (adapter, _, instances) => {
    let started: Instance[];

    beforeAll(async () => {
      started = await Promise.all(
        instances().map((options) => startCachedApp({ adapter, controllers: [BoardController], options })),
      );
    });

    afterAll(() => Promise.all(started.map(({ app }) => app.close())));

    /** What the reading process answers, such as `HIT 1`. */
    async function read(path: string): Promise<string> {
      const { app, url } = started[0]!;
      const response = await fetch(url + path);
      await app.get(CacheService).settle();
      const body = (await response.json()) as { value: number };
      return `${response.headers.get('x-cache')} ${body.value}`;
    }

    const write = (path: string, method: string) => fetch(started.at(-1)!.url + path, { method });

    beforeEach(() => {
      value = 1;
    });

    it('lets a route go on with what it has for as long as its minFresh, and no other', async () => {
      expect([await read('/board/1'), await read('/score/1')]).toEqual(['MISS 1', 'MISS 1']);
      clock.advance(500);

      await write('/moves/1', 'POST');

      expect([await read('/board/1'), await read('/score/1')]).toEqual(['HIT 1', 'MISS 2']);
      clock.advance(499);
      expect(await read('/board/1')).toBe('HIT 1');
      clock.advance(1);
      expect([await read('/board/1'), await read('/board/1')]).toEqual(['MISS 2', 'HIT 2']);
    });

    it('of a part of a prefix is one of the whole, soft or not, for who depends on that', async () => {
      const views = async () => [await read('/league'), await read('/table'), await read('/score/9')];
      expect(await views()).toEqual(['MISS 1', 'MISS 1', 'MISS 1']);
      expect(await views()).toEqual(['HIT 1', 'HIT 1', 'HIT 1']);

      await write('/goals/1', 'POST');
      expect(await views()).toEqual(['HIT 1', 'MISS 2', 'HIT 1']);
      clock.advance(1000);
      expect(await views()).toEqual(['MISS 2', 'HIT 2', 'HIT 1']);

      await write('/goals/1', 'DELETE');
      expect(await views()).toEqual(['MISS 3', 'MISS 3', 'HIT 1']);
    });

    it('is overtaken by one that is not soft', async () => {
      await read('/board/2');
      await write('/moves/2', 'POST');
      expect(await read('/board/2')).toBe('HIT 1');

      await write('/moves/2', 'DELETE');

      expect(await read('/board/2')).toBe('MISS 3');
    });
  },
);
