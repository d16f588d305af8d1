import {
  Body,
  type CallHandler,
  Controller,
  DefaultValuePipe,
  type ExecutionContext,
  Get,
  Headers,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { IsOptional, IsString } from 'class-validator';
import { of, type Observable } from 'rxjs';
import { Cached, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { adapters, startCachedApp } from '../support/cached-app.js';
import { deferred, turn } from '../support/deferred.js';
import { pollUntil } from '../support/processes.js';

let version = 0;
let runs = 0;

/** Handlers under way: what they read is what was there when they began. */
let gate: { entered: () => void; leave: Promise<void> } | undefined;

async function held<T>(read: () => T): Promise<T> {
  const before = Promise.resolve().then(read);
  before.catch(() => undefined);
  await before.catch(() => undefined);
  const { leave } = gate ?? {};
  gate?.entered();
  await leave;
  return before;
}

class Entity {
  constructor(readonly id: string) {}
}

const toEntity = { transform: (id: string) => new Entity(id) };

/** Changes what the request itself holds, where the adapter hands that out. */
const inPlace = {
  transform: (query: { page: string }) => Object.assign(query, { page: String(Number(query.page)) }),
};

const toKnown = {
  transform: (id: string) => {
    if (id === 'unknown') throw new NotFoundException();
    return id;
  },
};

@Injectable()
class AnswersItself implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { params } = context.switchToHttp().getRequest<{ params: { id: string } }>();
    return params.id === 'skipped' ? of({ version }) : next.handle();
  }
}

/** Described in part: nothing decorates its second property. */
class ListQuery {
  @IsOptional()
  @IsString()
  page?: string;

  tenant?: string;
}

/** Reads whose pipes make something else of what the client sent, and writes that name what they changed. */
@Controller('items')
class ItemsController {
  @Get('tagged/:id')
  @Cached({ ttl: 60, prefix: 'tagged_item', tags: ['item:{id}'] })
  tagged(@Param('id', ParseIntPipe) id: number) {
    return { id, version };
  }

  @Get('named/:id')
  @Cached({ ttl: 60, prefix: 'named_item' })
  named(@Param('id', ParseIntPipe) id: number) {
    return { id, version };
  }

  @Get('page')
  @Cached({ ttl: 60, prefix: 'item_page', tags: ['page:{page}'] })
  page(@Query('page', new DefaultValuePipe('1')) page: string) {
    return { page, version };
  }

  @Get('first/:id')
  @Cached({ ttl: 60, prefix: 'first_item', tags: ['item:{id}'] })
  first(@Param('id', ParseIntPipe) id: number) {
    return { id, version };
  }

  @Get('several')
  @Cached({ ttl: 60, prefix: 'several_items', tags: ['item:{id}'] })
  several(@Query('id') id: string | string[]) {
    return { id, version };
  }

  @Get('list')
  @Cached({ ttl: 60, prefix: 'item_list' })
  list(@Query() { page, tenant }: ListQuery) {
    return { page, tenant, version };
  }

  @Get('strict-list')
  @Cached({ ttl: 60, prefix: 'strict_item_list' })
  strictList(@Query(new ValidationPipe({ whitelist: true, transform: true })) { page, tenant }: ListQuery) {
    return { page, tenant, version };
  }

  @Get('unkept/:id')
  @Cached({ ttl: 60, prefix: 'unkept_item', tags: ['item:{id}'], unless: () => true })
  unkept(@Param('id', ParseIntPipe) id: number) {
    return held(() => ({ id, version }));
  }

  @Get('held/:id')
  @Cached({ ttl: 60, prefix: 'held_item', tags: ['item:{id}'] })
  held(@Param('id', ParseIntPipe) id: number) {
    return held(() => ({ id, version }));
  }

  @Get('shared/:id')
  @Cached({ ttl: 60, prefix: 'shared_item', tags: ['item:{id}'] })
  shared(@Param('id', ParseIntPipe) id: number) {
    runs++;
    return held(() => ({ id, version }));
  }

  @Get('unmade/:id')
  @Cached({ ttl: 60, prefix: 'unmade_item', tags: ['item:{id}'] })
  unmade(@Param('id', ParseIntPipe) id: number) {
    const found = version > 0;
    return held(() => {
      if (!found) throw new NotFoundException();
      return { id, version };
    });
  }

  @Get('unnamed')
  @Cached({ ttl: 60, prefix: 'unnamed_item', tags: ['item:{id}'] })
  unnamed(@Query('id') id: string[]) {
    return held(() => ({ id, version }));
  }

  @Get('known/:id')
  @UseInterceptors(AnswersItself)
  @Cached<ItemsController['known']>({
    ttl: 60,
    prefix: 'known_item',
    negativeTtl: 60,
    tags: [([id]) => [`item:${id}`]],
  })
  known(@Param('id', toKnown) id: string) {
    return { id, version };
  }

  @Get('in-place')
  @Cached({ ttl: 60, prefix: 'in_place', tags: ['page:{page}'] })
  inPlace(@Query(inPlace) { page }: ListQuery) {
    return { page, version };
  }

  @Get('entity/:id')
  @Cached({ ttl: 60, prefix: 'entity_item', tags: ['item:{id}'] })
  entity(@Param('id', toEntity) id: Entity) {
    return { id: id.id, version };
  }

  @Get('lower-header')
  @Cached({ ttl: 60, tags: ['item:{x-item}'] })
  byLowerHeader(@Headers('X-Item') id: string) {
    return { id, version };
  }

  @Get('header')
  @Cached({ ttl: 60, tags: ['item:{X-Item}'] })
  byHeader(@Headers('X-Item') id: string) {
    return { id, version };
  }

  @Post('lower-header')
  @InvalidateCache('item:{x-item}')
  writeByLowerHeader(@Headers('X-Item') id: string) {
    return { id, version: ++version };
  }

  @Post('header')
  @InvalidateCache('item:{X-Item}')
  writeByHeader(@Headers('x-item') id: string) {
    return { id, version: ++version };
  }

  @Post('tagged')
  @InvalidateCache('item:{body.id}')
  writeTagged(@Body() body: { id: unknown }) {
    return { id: body.id, version: ++version };
  }

  @Post('named/:id')
  @InvalidateCache('named_item:{id}:*')
  writeNamed(@Param('id', ParseIntPipe) id: number) {
    return { id, version: ++version };
  }

  @Post('page')
  @InvalidateCache('page:{body.page}')
  writePage(@Body() body: { page: string }) {
    return { page: body.page, version: ++version };
  }
}

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])('on %s', (adapter) => {
  let app: INestApplication;
  let url: string;
  const events: { event: string; reason?: string }[] = [];

  beforeAll(async () => {
    const options = { onEvent: (event: { event: string }) => events.push(event) };
    ({ app, url } = await startCachedApp({ adapter, controllers: [ItemsController], options }));
  });

  afterAll(() => app.close());

  async function read(
    path: string,
  ): Promise<{ version: number; tenant?: string | undefined; outcome: string | null }> {
    const answer = await fetch(`${url}/items/${path}`, { headers: { 'x-item': '7' } });
    const { version, tenant } = (await answer.json()) as { version: number; tenant?: string };
    await app.get(CacheService).settle();
    return { version, tenant, outcome: answer.headers.get('x-cache') };
  }

  async function write(path: string, body: object = {}): Promise<number> {
    const headers = { 'content-type': 'application/json', 'x-item': '7' };
    const answer = await fetch(`${url}/items/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return ((await answer.json()) as { version: number }).version;
  }

  /** Until it comes from the cache, or clearly does not. */
  async function warm(path: string): Promise<string | null> {
    for (let n = 0; n < 3; n++) if ((await read(path)).outcome === 'HIT') return 'HIT';
    return (await read(path)).outcome;
  }

  it.each([
    ['an id as it is', 'tagged/7', () => write('tagged', { id: 7 })],
    ['an id written otherwise', 'tagged/007', () => write('tagged', { id: 7 })],
    ['an id in a prefix pattern', 'named/7', () => write('named/7')],
    ['an id written otherwise in a prefix pattern', 'named/007', () => write('named/7')],
    ['a default', 'page', () => write('page', { page: '1' })],
    ['a page that a pipe changes in place', 'in-place?page=003', () => write('page', { page: '3' })],
    ['the first of several', 'several?id=a&id=b', () => write('tagged', { id: 'a' })],
    ['the last of several', 'several?id=a&id=b', () => write('tagged', { id: 'b' })],
    ['a header, in either spelling', 'header', () => write('lower-header')],
    ['a header, in the other spelling', 'lower-header', () => write('header')],
    ['one of several that are written', 'tagged/8', () => write('tagged', { id: [7, 8] })],
  ])('%s is kept until a write names what was meant', async (_, path, change) => {
    expect(await warm(path)).toBe('HIT');

    const written = await change();

    expect(await read(path)).toMatchObject({ version: written, outcome: 'MISS' });
  });

  it('the first answer whose pipes change what it depends on is not kept, and says so', async () => {
    const told = [];
    for (let n = 0; n < 3; n++) {
      const answer = await fetch(`${url}/items/first/007`);
      told.push(answer.headers.get('cache-status')?.replace(/ttl=\d+/, 'ttl=…'));
      await app.get(CacheService).settle();
    }

    expect(told).toEqual(
      ['fwd=miss; detail=tags-unknown', 'fwd=miss; stored', 'hit; ttl=…'].map((is) => `ai-native; ${is}`),
    );
  });

  it('other ids stay, however they are written', async () => {
    await warm('tagged/9');
    await warm('tagged/010');

    await write('tagged', { id: 7 });

    expect((await read('tagged/9')).outcome).toBe('HIT');
    expect((await read('tagged/010')).outcome).toBe('HIT');
  });

  it('what a query class does not describe is in the key where the handler is given it', async () => {
    expect(await read('list?page=1')).toMatchObject({ tenant: undefined, outcome: 'MISS' });

    for (const tenant of ['a', 'b']) {
      expect(await read(`list?page=1&tenant=${tenant}`)).toMatchObject({ tenant, outcome: 'MISS' });
      expect(await read(`list?tenant=${tenant}&page=1`)).toMatchObject({ tenant, outcome: 'HIT' });
    }
    expect((await read('list?page=1')).outcome).toBe('HIT');
  });

  it('what a query class does not describe is in no key where a pipe drops it', async () => {
    const outcomes = [];
    for (const query of [
      '',
      '?tenant=a',
      '?tenant=b',
      '?page=1&tenant=c',
      '?page=1',
      '?other=1',
      '?other=2',
    ]) {
      const { tenant, outcome } = await read(`strict-list${query}`);
      expect(tenant).toBeUndefined();
      outcomes.push(outcome);
    }

    expect(outcomes).toEqual(['MISS', 'HIT', 'HIT', 'MISS', 'HIT', 'HIT', 'HIT']);
  });

  it.each([
    ['is the first to name what it is made of', 'held/007'],
    ['is not kept', 'unkept/007'],
    ['is not there yet', 'unmade/007'],
    ['names more than can be named', `unnamed?${Array.from({ length: 101 }, (_, n) => `id=${n}`).join('&')}`],
  ])('who asks after a write gets nothing from before it: what %s', async (_, path) => {
    version = 0;
    const entered = deferred();
    const leave = deferred();
    gate = { entered: entered.resolve, leave: leave.promise };
    const before = read(path);
    await entered.promise;
    gate = undefined;

    const written = await write('tagged', { id: 7 });
    events.length = 0;
    const after = read(path);
    await pollUntil(() => events.some(({ event }) => event === 'cache.miss'), 5000);
    await turn();
    leave.resolve();

    expect((await before).version).not.toBe(written);
    expect((await after).version).toBe(written);
  });

  it('who waits for the first to name what it is made of shares one more run', async () => {
    const entered = deferred();
    const leave = deferred();
    gate = { entered: entered.resolve, leave: leave.promise };
    runs = 0;
    const first = read('shared/007');
    await entered.promise;
    gate = undefined;
    events.length = 0;
    const waiting = Array.from({ length: 10 }, () => read('shared/007'));
    await pollUntil(() => events.filter(({ event }) => event === 'cache.miss').length === 10, 5000);
    await turn();
    leave.resolve();
    await Promise.all([first, ...waiting]);

    expect(runs).toBe(2);
    expect((await read('shared/007')).outcome).toBe('HIT');
  });

  it('what was said in the place of the handler is not kept where its arguments would name it', async () => {
    for (const id of ['unknown', 'skipped']) {
      const outcomes = [(await read(`known/${id}`)).outcome, (await read(`known/${id}`)).outcome];
      expect(outcomes).toEqual(['MISS', 'MISS']);
    }
    expect(await warm('known/7')).toBe('HIT');
  });

  it('what no tag can name is not kept, and a write of it makes everything old', async () => {
    await warm('tagged/9');
    events.length = 0;

    expect(await warm('entity/5')).toBe('MISS');
    const written = await write('tagged', { id: { deep: true } });

    expect(events).toContainEqual(
      expect.objectContaining({ event: 'cache.no_store', reason: 'rule-failed' }),
    );
    expect(events).toContainEqual(expect.objectContaining({ event: 'cache.rule_failed' }));
    expect((await read('tagged/9')).version).toBe(written);
  });

  it('more than a hundred in one call are not named one by one', async () => {
    const many = Array.from({ length: 101 }, (_, n) => `id=${n}`).join('&');
    expect(await warm(`several?${many}`)).toBe('MISS');
    expect(await warm(`several?${many.slice(5)}`)).toBe('HIT');
  });
});
