import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  Param,
  ParseArrayPipe,
  Post,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import { map } from 'rxjs';
import { Cached, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { eachAdapter, startCachedApp } from '../support/cached-app.js';

const values = new Map<number, string>();

/** Takes from the answer itself what it is not to show. */
class WithoutOwner implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(
      map((answer: { owner?: number }) => {
        delete answer.owner;
        return answer;
      }),
    );
  }
}

@Controller()
class ItemsController {
  @Get('emptied')
  @Cached({ ttl: 60, scope: 'shared', tags: ['item:{ids}'] })
  emptied(@Query('ids', new ParseArrayPipe({ items: Number })) ids: number[]) {
    return { found: taken(ids) };
  }

  @Get('by-function')
  @Cached({
    ttl: 60,
    scope: 'shared',
    tags: ([ids]: readonly unknown[]) => (ids as number[]).map((id) => `item:${id}`),
  })
  byFunction(@Query('ids', new ParseArrayPipe({ items: Number })) ids: number[]) {
    return { found: taken(ids) };
  }

  @Get('query')
  @Cached({
    ttl: 60,
    scope: 'shared',
    key: ({ query }) => ({ id: String(query.id) }),
    tags: ([query]: readonly unknown[]) => [`item:${(query as { id: string }).id}`],
  })
  query(@Query() query: Record<string, string | undefined>) {
    const id = Number(query.id);
    delete query.id;
    return { value: values.get(id) };
  }

  @Get('stripped')
  @UseInterceptors(WithoutOwner)
  @Cached<ItemsController['stripped']>({
    ttl: 60,
    scope: 'shared',
    tags: (_, { owner }) => (owner === undefined ? [] : [`item:${owner}`]),
  })
  stripped(): { owner?: number; value: string | undefined } {
    return { owner: 1, value: values.get(1) };
  }

  @Post(':id')
  @InvalidateCache('item:{id}')
  write(@Param('id') id: string) {
    values.set(Number(id), 'new');
  }
}

@Injectable()
class Items {
  @Cached({
    ttl: 60,
    prefix: 'listed',
    tags: ([ids]: readonly unknown[]) => (ids as number[]).map((id) => `item:${id}`),
  })
  async listed(ids: number[]) {
    await Promise.resolve();
    return taken(ids);
  }

  @InvalidateCache(([ids]: readonly unknown[]) => (ids as number[]).map((id) => `item:${id}`))
  async write(ids: number[]) {
    await Promise.resolve();
    for (const id of ids.splice(0)) values.set(id, 'new');
  }
}

function taken(ids: number[]): unknown[] {
  return ids.splice(0).map((id) => values.get(id));
}

describe.each(eachAdapter)('on %s', (adapter) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    ({ app, url } = await startCachedApp({ adapter, controllers: [ItemsController], providers: [Items] }));
  });

  afterAll(() => app.close());

  beforeEach(async () => {
    values.clear();
    for (const id of [1, 2]) values.set(id, 'old');
    await app.get(CacheService).invalidate('item:1');
  });

  async function get(path: string): Promise<{ cache: string | null; body: unknown }> {
    const answer = await fetch(url + path);
    await app.get(CacheService).settle();
    return { cache: answer.headers.get('x-cache'), body: await answer.json() };
  }

  it.each([
    ['arguments that the handler empties', '/emptied?ids=1,2'],
    ['arguments that the handler empties, named by a function', '/by-function?ids=1,2'],
    ['a query that the handler empties, named by a function', '/query?id=1'],
    ['a result that an interceptor changes in its place', '/stripped'],
  ])('an answer depends on %s as they were', async (_, path) => {
    // What pipes make of the inputs is known from the first answer on.
    await get(path);
    await get(path);
    expect((await get(path)).cache).toBe('HIT');

    await fetch(`${url}/1`, { method: 'POST' });

    const { cache, body } = await get(path);
    expect(cache).toBe('MISS');
    expect(JSON.stringify(body)).toContain('new');
  });

  it('a method of a provider keeps, and invalidates, by its arguments as they were', async () => {
    const items = app.get(Items);
    expect(await items.listed([1, 2])).toEqual(['old', 'old']);

    await items.write([1]);

    expect(await items.listed([1, 2])).toEqual(['new', 'old']);
  });
});
