import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  Body,
  type CanActivate,
  Controller,
  createParamDecorator,
  Get,
  Header,
  Headers,
  HttpCode,
  Inject,
  Injectable,
  Ip,
  Module,
  Param,
  Patch,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  Scope,
  Sse,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { NestFactory, REQUEST, RouterModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Expose, Transform } from 'class-transformer';
import { IsString } from 'class-validator';
import { EMPTY } from 'rxjs';
import {
  CacheBootError,
  CacheGraph,
  Cached,
  CacheModule,
  type CacheModuleEvent,
  InvalidateCache,
} from '../../src/cache/index.js';
import { FakeClock, simulateInstances } from '../../src/cache/testing/index.js';
import { startCachedApp } from '../support/cached-app.js';

/*
 * One application with routes that are right and routes that are wrong, each wrong in one way. Every start tells all
 * that is wrong; the right ones stay unnamed and start by themselves.
 */

const CurrentUser = createParamDecorator(() => 'ada');
const Something = createParamDecorator(() => 'something');
const always: CanActivate = { canActivate: () => true };

class PlainQuery {
  @IsString()
  kind!: string;
}

class RenamingQuery {
  @Expose({ name: 'sort' })
  @IsString()
  order!: string;
}

class TransformingQuery {
  @Transform(({ obj }) => (obj as { other: string }).other)
  @IsString()
  own!: string;
}

@Controller('right')
class Right {
  @Get('param/:id')
  @Cached({ ttl: 60, prefix: 'right_param', tags: ['course:{id}', 'App::Model:{id}'] })
  param(@Param('id') id: string) {
    return { id };
  }

  @Get('two/:group/:id')
  @Cached({ ttl: 60, prefix: 'right_two' })
  two(@Param('group') group: string, @Param('id') id: string) {
    return { group, id };
  }

  @Get('shelves')
  @Cached({ ttl: 60, tags: [() => ['shelf:*']], families: ['shelf'] })
  shelves() {
    return {};
  }

  @Post('shelves/:id')
  @InvalidateCache('shelf:{id}:*')
  changeShelf(@Param('id') id: string) {
    return { id };
  }

  /** Both ends are old. */
  @Post('two/:group/:id')
  @InvalidateCache(['right_two:{group}:*', 'right_two:{id}:*'])
  swap(@Param('group') group: string, @Param('id') id: string) {
    return { group, id };
  }

  /** What is called `id` here is the group there. */
  @Patch('groups/:id')
  @InvalidateCache(['right_two:{id}:*', 'App::Model:{id}'])
  changeGroup(@Param('id') id: string) {
    return { id };
  }

  @Get('query')
  @Cached('45s')
  rightQuery(@Query('kind') kind: string, @Headers('Accept-Language') language: string) {
    return { kind, language };
  }

  @Get('query-class')
  @Cached({ ttl: '2m', tags: ['kind:{kind}', 'system'] })
  rightQueryClass(@Query() query: PlainQuery) {
    return query;
  }

  @Get('keyed')
  @Cached({ ttl: 60, key: (request) => ({ kind: request.query.kind }) })
  rightKeyed(@Req() request: object, @Query() renamed: RenamingQuery) {
    return { request, renamed };
  }

  @Get('function')
  @Cached<Right['byResult']>({
    ttl: (result) => result.seconds,
    tags: ['system', (_, result) => [`roster:${result.seconds}`]],
    families: ['roster'],
  })
  byResult(@Res({ passthrough: true }) _response: object) {
    return { seconds: 60 };
  }

  @Get('dependent')
  @Cached({ ttl: 60, tags: ['card:*'] })
  rightDependent() {
    return {};
  }

  @Get('guarded')
  @UseGuards(always)
  @Cached({ ttl: 60, scope: 'shared' })
  rightGuarded() {
    return {};
  }

  @Get('mine')
  @UseGuards(always)
  @Header('Vary', 'Authorization')
  @Cached({ ttl: 60, scope: 'user', clientMaxAge: 30 })
  rightMine(@CurrentUser() user: string) {
    return { user };
  }

  @Patch(':id')
  @InvalidateCache(['course:{id}', 'kind:{body.kind}', 'right_param:{id}:*', 'right_keyed:*', 'card:*'])
  write(@Param('id') id: string, @Body() body: PlainQuery) {
    return { id, body };
  }

  @Post()
  @InvalidateCache<Right['create']>({
    tags: (_, { id }) => [`roster:${id}`, 'system'],
    families: ['roster', 'system'],
  })
  create() {
    return { id: 1 };
  }
}

@Injectable()
class RightListener {
  /** An emitter hands it what it does not declare. */
  @InvalidateCache('course:{0.id}')
  handle(): Promise<void> {
    return Promise.resolve();
  }
}

@Controller('wrong')
class Wrong {
  @Get('zero')
  @Cached(0)
  zero() {
    return {};
  }

  @Get('two')
  @Cached({ ttl: '5 min' as '5m', prefix: 'a:b', tags: ['a*b'], families: ['course:1'] })
  everythingOdd() {
    return {};
  }

  @Get('same')
  @Cached({ ttl: 60, prefix: 'right_param' })
  samePrefix() {
    return {};
  }

  @Get('unscoped')
  @UseGuards(always)
  @Cached(60)
  unscoped() {
    return {};
  }

  @Get('tenant')
  @Cached({ ttl: 60, scope: 'tenant' })
  noTenant() {
    return {};
  }

  @Get('raw')
  @Cached(60)
  rawRequest(@Req() request: object, @Body() body: object, @Ip() ip: string) {
    return { request, body, ip };
  }

  @Get('response')
  @Cached(60)
  ownResponse(@Res() response: object) {
    return { response };
  }

  @Get('keyed-response')
  @Cached({ ttl: 60, key: () => ({}) })
  keyedResponse(@Res() response: object) {
    return { response };
  }

  @Get('impatient')
  @Cached({ ttl: 60, hardTimeout: 0 })
  impatient() {
    return {};
  }

  @Get('cookies')
  @Cached({ ttl: 60, store: { headers: ['Link', 'Set-Cookie'] } })
  cookies() {
    return {};
  }

  @Get('public')
  @Cached({ ttl: 60, scope: 'user', visibility: 'public' })
  publicUser() {
    return {};
  }

  @Get('aged')
  @Cached({ ttl: 60, scope: 'user', clientMaxAge: 30 })
  agedUser() {
    return {};
  }

  @Get('open-query')
  @Cached(60)
  openQuery(@Query() query: Record<string, string>) {
    return query;
  }

  @Get('all/:id')
  @Cached(60)
  allParams(@Param() params: object, @Headers() headers: object) {
    return { params, headers };
  }

  @Get('custom')
  @Cached(60)
  custom(@Something() something: string) {
    return { something };
  }

  @Get('user')
  @Cached({ ttl: 60, scope: 'shared' })
  sharedUser(@CurrentUser() user: string) {
    return { user };
  }

  @Get('twice/:id')
  @Cached(60)
  sameName(@Param('id') id: string, @Query('id') other: string) {
    return { id, other };
  }

  @Get('renamed')
  @Cached(60)
  renamed(@Query() query: RenamingQuery) {
    return query;
  }

  @Get('transformed')
  @Cached(60)
  transformed(@Query() query: TransformingQuery) {
    return query;
  }

  @Post('cached')
  @Cached(60)
  cachedPost(@Body() body: object) {
    return body;
  }

  @Get('accepted')
  @HttpCode(202)
  @Cached(60)
  otherStatus() {
    return {};
  }

  @Get('elsewhere')
  @Redirect('/right')
  @Cached(60)
  redirecting() {
    return {};
  }

  @Sse('stream')
  @Cached(60)
  streaming() {
    return EMPTY;
  }

  @Get('template/:id')
  @Cached({ ttl: 60, tags: ['course:{course_id}'] })
  unknownName(@Param('id') id: string) {
    return { id };
  }

  @Get('keyed-template/:id')
  @Cached({ ttl: 60, key: (request) => ({ id: request.params.id }), tags: ['course:{id}'] })
  keyedTemplate(@Param('id') id: string) {
    return { id };
  }

  @Post('template/:id')
  @InvalidateCache('course:{body.course}')
  unknownField(@Body() body: PlainQuery) {
    return body;
  }

  @Post('itself')
  @InvalidateCache('right_param:*')
  writesItself(@Res() response: object) {
    return { response };
  }

  @Post('deep/:id')
  @InvalidateCache('right_param:{id}:{id}:*')
  deepPattern(@Param('id') id: string) {
    return { id };
  }

  @Post('order/:group/:id')
  @InvalidateCache('right_two:{id}:*')
  otherOrder(@Param('group') group: string, @Param('id') id: string) {
    return { group, id };
  }

  @Post('prefix')
  @InvalidateCache(['nobody:*', 'right_keyed:*'])
  deadPrefix() {
    return {};
  }

  @Get('prefix')
  @Cached({ ttl: 60, tags: ['right-param:*'] })
  oddPrefix() {
    return {};
  }

  @Get('misspelt')
  @Cached({ ttl: 60, tag: ['course:1'] } as { ttl: number })
  misspelt() {
    return {};
  }

  @Get('scope')
  @Cached({ ttl: 60, scope: 'users' as 'user' })
  oddScope() {
    return {};
  }

  @Post('misspelt')
  @InvalidateCache({ tags: 'right_param:*', family: ['course'] } as { tags: string })
  misspeltWrite() {
    return {};
  }

  @Post('nothing')
  @InvalidateCache([])
  namesNothing() {
    return {};
  }

  @Post('number')
  @InvalidateCache(['right_param:*', 1 as never])
  namesNumber() {
    return {};
  }

  @Post('null')
  @InvalidateCache(null as never)
  namesNull() {
    return {};
  }

  @Post('dollar/:id')
  @InvalidateCache('right_param:${id}:*')
  dollar(@Param('id') id: string) {
    return { id };
  }

  @Post('colon/:id')
  @InvalidateCache('right_two:{id}*')
  noColon(@Param('id') id: string) {
    return { id };
  }

  @Get('hole/:id')
  @Cached({ ttl: 60, tags: ['course::{id}'] })
  hole(@Param('id') id: string) {
    return { id };
  }

  @Get('end/:id')
  @Cached({ ttl: 60, tags: ['course:{id}:'] })
  openEnd(@Param('id') id: string) {
    return { id };
  }

  @Post('gap')
  @InvalidateCache('right_param::*')
  gap() {
    return {};
  }

  @Post('tag')
  @InvalidateCache('corse:1')
  deadTag() {
    return {};
  }

  @Post('tag/path/:id')
  @InvalidateCache('course::id')
  tagAsInPath(@Param('id') id: string) {
    return { id };
  }

  @Post('tag/prefix')
  @InvalidateCache('right_param')
  prefixAsTag() {
    return {};
  }

  @Post('tag/star')
  @InvalidateCache('kind:*')
  tagAsPrefix() {
    return {};
  }

  @Post('tag/result')
  @InvalidateCache('course:{id}')
  ofResult() {
    return { id: 1 };
  }

  @Post('tag/whole')
  @InvalidateCache('course')
  tagWithoutId() {
    return {};
  }
}

@Controller({ path: 'per-request', scope: Scope.REQUEST })
class WrongPerRequest {
  @Get()
  @Cached(60)
  perRequest() {
    return {};
  }
}

/** Knows who asks without being told. */
@Injectable({ scope: Scope.REQUEST })
class Caller {
  constructor(@Inject(REQUEST) readonly request: object) {}
}

@Injectable()
class WrongCallerService {
  constructor(private readonly caller: Caller) {}

  @Cached(60)
  ofCaller(): Promise<object> {
    return Promise.resolve(this.caller.request);
  }

  @Cached({ ttl: 60, scope: 'shared' })
  ofNobody(): Promise<object> {
    return Promise.resolve({});
  }
}

/** Of which there are two, each with something else. */
class WrongRegion {
  constructor(private readonly region: string) {}

  @Cached(60)
  ofRegion(): Promise<string> {
    return Promise.resolve(this.region);
  }

  @Cached({ ttl: 60, scope: 'shared' })
  ofEveryRegion(): Promise<string> {
    return Promise.resolve('');
  }
}

/** Of which each that injects it has its own. */
@Injectable({ scope: Scope.TRANSIENT })
class WrongTransient {
  @Cached(60)
  ofHolder(): Promise<string> {
    return Promise.resolve('');
  }
}

@Injectable()
class Holder {
  constructor(readonly transient: WrongTransient) {}
}

@Injectable()
class OtherHolder extends Holder {}

/** Of which there is one, under two names. */
@Injectable()
class RightAlias {
  @Cached(60)
  ofOne(): Promise<string> {
    return Promise.resolve('');
  }
}

@Injectable()
class WrongService {
  @Cached({ ttl: 60, tags: ['course:{course_id}'] })
  value(course_id: string): Promise<string> {
    return Promise.resolve(course_id);
  }

  @Cached({ ttl: 60, tags: ['course:{0}'] })
  noArgument(): Promise<string> {
    return Promise.resolve('');
  }

  @Cached({ ttl: 60, tags: ['course:{0}', 'student:{1}'] })
  fewArguments(course_id: string): Promise<string> {
    return Promise.resolve(course_id);
  }

  @Cached({ ttl: 60, scope: 'user', negativeTtl: 5, visibility: 'private', store: { headers: ['link'] } })
  asIfRoute(): Promise<number> {
    return Promise.resolve(1);
  }

  @Cached({ ttl: 60, prefix: 'at_once' })
  atOnce(): number {
    return 1;
  }

  @Cached({ ttl: 60, prefix: 'maybe_at_once' })
  maybeAtOnce(): number | Promise<number> {
    return 1;
  }
}

@Injectable()
class WrongWriter {
  @InvalidateCache('of_nobody:{0}:*')
  deepArguments(_id: string): Promise<void> {
    return Promise.resolve();
  }

  @InvalidateCache('at_once:*')
  writesAtOnce(): string[] {
    return [];
  }

  @InvalidateCache('at_once:*')
  tellsNobody(): void {
    return undefined;
  }
}

class Inherited {
  @Cached({ ttl: 60, prefix: 'inherited' })
  value(): Promise<object> {
    return Promise.resolve(this);
  }
}

const [OneTwin, OtherTwin] = [0, 1].map(() => class Twin extends Inherited {}) as [Type, Type];

const expected: [code: string, method: string, says: string][] = [
  ['CACHE_INVALID_TTL', 'Wrong.zero', '0'],
  ['CACHE_INVALID_TTL', 'Wrong.everythingOdd', '5 min'],
  ['CACHE_INVALID_OPTIONS', 'Wrong.everythingOdd', "the prefix 'a:b'"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.everythingOdd', "'a*b'"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.everythingOdd', "'course:1' is no family"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.oddPrefix', "the prefix 'right-param'"],
  ['CACHE_DUPLICATE_PREFIX', 'Wrong.samePrefix', 'Right.param'],
  ['CACHE_DUPLICATE_PREFIX', 'Inherited.value', "two classes named 'Twin'"],
  ['CACHE_SCOPE_MISSING', 'Wrong.unscoped', 'behind a guard'],
  ['CACHE_SCOPE_MISSING', 'WrongCallerService.ofCaller', 'made anew for each request'],
  ['CACHE_SCOPE_MISSING', 'WrongRegion.ofRegion', 'several objects of its class'],
  ['CACHE_SCOPE_MISSING', 'WrongTransient.ofHolder', 'several objects of its class'],
  ['CACHE_PRINCIPAL_MISSING', 'Wrong.noTenant', "'tenant'"],
  ['CACHE_UNDECLARED_INPUT', 'Wrong.rawRequest', '@Request(), @Body(), @Ip()'],
  [
    'CACHE_UNDECLARED_INPUT',
    'Wrong.openQuery',
    '@Query(), so its key cannot be known. Declare what it reads',
  ],
  ['CACHE_UNDECLARED_INPUT', 'Wrong.allParams', '@Param(), @Headers()'],
  ['CACHE_UNDECLARED_INPUT', 'Wrong.custom', 'a custom parameter decorator'],
  ['CACHE_UNDECLARED_INPUT', 'Wrong.sharedUser', "goes with scope: 'user'"],
  ['CACHE_UNDECLARED_INPUT', 'Wrong.sameName', "two inputs named 'id'"],
  [
    'CACHE_UNDECLARED_INPUT',
    'Wrong.renamed',
    "'order' of a query class, whose value @Expose may take from another parameter, so its key cannot be known. Give @Cached a `key`.",
  ],
  ['CACHE_UNDECLARED_INPUT', 'Wrong.transformed', "'own' of a query class, whose value @Transform may take"],
  ['CACHE_UNDECLARED_INPUT', 'WrongPerRequest.perRequest', 'a guard, interceptor or pipe on its way'],
  ['CACHE_INVALID_TTL', 'Wrong.impatient', 'hardTimeout'],
  ['CACHE_INVALID_OPTIONS', 'Wrong.cookies', "'set-cookie'"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.publicUser', "'public'"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.agedUser', "@Header('Vary', 'Authorization')"],
  [
    'CACHE_INVALID_OPTIONS',
    'WrongService.asIfRoute',
    'scope, visibility, negativeTtl, store can be said of a route only, and this method is none. Its key is its arguments',
  ],
  ['CACHE_INVALID_OPTIONS', 'Wrong.writesItself', 'before its invalidation'],
  ['CACHE_INVALID_OPTIONS', 'Wrong.misspelt:', "no option 'tag'. There are: ttl, prefix, scope, tags"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.oddScope', "'shared', 'user' or 'tenant', and not '"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.misspeltWrite', "no option 'family'. There are: tags, families, soft"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.namesNothing', 'names nothing'],
  ['CACHE_INVALID_OPTIONS', 'Wrong.namesNumber', 'tags are texts'],
  ['CACHE_INVALID_OPTIONS', 'Wrong.namesNull', 'tags are texts'],
  ['CACHE_INVALID_OPTIONS', 'Wrong.dollar', "a $ too many: 'right_param:{id}:*'"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.gap', "'right_param::*' is neither"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.noColon', "'right_two:{id}*' is neither"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.hole', "'course::{id}' is neither"],
  ['CACHE_INVALID_OPTIONS', 'Wrong.openEnd', "'course:{id}:' is neither"],
  ['CACHE_UNCACHEABLE_ROUTE', 'Wrong.ownResponse', '@Res() without passthrough'],
  ['CACHE_UNCACHEABLE_ROUTE', 'Wrong.keyedResponse', '@Res() without passthrough'],
  ['CACHE_UNCACHEABLE_ROUTE', 'Wrong.cachedPost', 'does not answer GET'],
  ['CACHE_UNCACHEABLE_ROUTE', 'Wrong.otherStatus', '202'],
  ['CACHE_UNCACHEABLE_ROUTE', 'Wrong.redirecting', 'redirects'],
  ['CACHE_UNCACHEABLE_ROUTE', 'Wrong.streaming', 'streams'],
  [
    'CACHE_UNKNOWN_TEMPLATE_NAME',
    'Wrong.unknownName',
    "'{course_id}' in 'course:{course_id}' names nothing that the method declares. It declares {id};",
  ],
  ['CACHE_UNKNOWN_TEMPLATE_NAME', 'Wrong.keyedTemplate', 'with a key function, tags are named by functions'],
  [
    'CACHE_UNKNOWN_TEMPLATE_NAME',
    'Wrong.unknownField',
    "'{body.course}' in 'course:{body.course}' names nothing that the method declares. It declares {body.…};",
  ],
  [
    'CACHE_UNKNOWN_TEMPLATE_NAME',
    'Wrong.ofResult',
    'It declares no input; what only its result has is named by a function',
  ],
  [
    'CACHE_UNKNOWN_TEMPLATE_NAME',
    'WrongService.value',
    "'{course_id}' in 'course:{course_id}' names nothing that the method declares. Arguments are named by their places",
  ],
  ['CACHE_UNKNOWN_TEMPLATE_NAME', 'WrongService.fewArguments', "'{1}'"],
  ['CACHE_UNKNOWN_TEMPLATE_NAME', 'WrongService.noArgument', "'{0}'"],
  ['CACHE_PATTERN_MATCHES_NOTHING', 'Wrong.deadPrefix', "'nobody:*'"],
  [
    'CACHE_PATTERN_MATCHES_NOTHING',
    'Wrong.deadTag',
    "roster:…, shelf:…, student:{1}, system. What only getOrSet keeps, or another application on the same Redis, is named by a function: () => ['book:1', 'shelf:*']",
  ],
  ['CACHE_INVALID_OPTIONS', 'Wrong.tagAsInPath', "as a path does: 'course:{id}'"],
  ['CACHE_PATTERN_MATCHES_NOTHING', 'Wrong.tagWithoutId', "depends on 'course'. Cached"],
  [
    'CACHE_PATTERN_MATCHES_NOTHING',
    'Wrong.prefixAsTag',
    "depends on 'right_param'. A prefix is named by 'right_param:*'.",
  ],
  [
    'CACHE_PATTERN_MATCHES_NOTHING',
    'Wrong.tagAsPrefix',
    "depends on 'kind:*'. A * stands behind prefixes, such as 'right_query_class:*', and no tags",
  ],
  ['CACHE_PATTERN_MATCHES_NOTHING', 'Wrong.deepPattern', 'names 2 parameters, but Right.param has 1'],
  [
    'CACHE_PATTERN_MATCHES_NOTHING',
    "Wrong.otherOrder: 'right_two:{id}:*'",
    'Right.two, /right/two/:group/:id',
  ],
  ['CACHE_INVALID_OPTIONS', 'WrongService.atOnce', 'returns Number'],
  ['CACHE_INVALID_OPTIONS', 'WrongWriter.writesAtOnce', 'returns Array'],
  ['CACHE_PATTERN_MATCHES_NOTHING', 'WrongWriter.deepArguments', 'but WrongCallerService.ofNobody has 0'],
];

const options = { principal: () => 'ada', principalDecorators: [CurrentUser] };

describe('an application with wrong decorators', () => {
  let error: CacheBootError;

  beforeAll(async () => {
    error = (await startCachedApp({
      controllers: [Right, Wrong, WrongPerRequest],
      providers: [
        ...[RightListener, WrongService, WrongWriter, WrongCallerService, Caller, OneTwin, OtherTwin],
        ...['eu', 'us'].map((region) => ({ provide: region, useFactory: () => new WrongRegion(region) })),
        ...[WrongTransient, Holder, OtherHolder],
        ...[RightAlias, { provide: 'alias', useExisting: RightAlias }],
      ],
      options,
    }).catch((reason: unknown) => reason)) as CacheBootError;
  });

  it('does not start, and says so once for all of them', () => {
    expect(error).toBeInstanceOf(CacheBootError);
    expect(error.code).toBe('CACHE_BOOT_FAILED');
  });

  it.each(expected)('is told %s of %s', (code, method, says) => {
    const told = error.faults.filter(
      (fault) => fault.code === code && fault.message.startsWith(method) && fault.message.includes(says),
    );

    expect(told).toHaveLength(1);
  });

  it('A2: is told of a method that could read who asks, and not of its neighbour that says it does not', () => {
    const told = error.faults.filter(({ message }) => message.startsWith('WrongCallerService'));

    expect(told.map(({ code, message }) => [code, message.split(':')[0]])).toEqual([
      ['CACHE_SCOPE_MISSING', 'WrongCallerService.ofCaller'],
    ]);
  });

  it('is told nothing else, a line for each', () => {
    const [title, ...lines] = error.message.split('\n');

    expect(title).toMatch(/nothing starts/);
    expect(lines).toHaveLength(expected.length);
    expect(lines.map((line) => line.trim())).toEqual(
      error.faults.map(({ code, message }) => `${code} ${message}`),
    );
  });

  it('is printed without a stack for each', () => {
    expect(inspect(error)).not.toContain('CacheError: Wrong');
  });

  it('meets every code that docs/errors.md gives to the start', () => {
    const atBoot = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(CACHE_\w+)` \| \*boot\*/gm)];

    expect(new Set(['CACHE_BOOT_FAILED', ...error.faults.map(({ code }) => code)])).toEqual(
      new Set(atBoot.map(([, code]) => code)),
    );
  });

  it('starts without them, and tells who keeps what and who invalidates it', async () => {
    const lines: string[] = [];
    const onEvent = (event: CacheModuleEvent) => {
      if (event.event === 'cache.graph') lines.push(event.line);
    };

    const { app } = await startCachedApp({ controllers: [Right], options: { ...options, onEvent } });
    await app.close();

    expect(lines).toContainEqual(expect.stringMatching(/^right_mine +Right.rightMine +user +60 s/));
    expect(lines).toContainEqual(
      expect.stringMatching(/^right_keyed +right_keyed\|\/right\/keyed\|key\(request\)$/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^by_result +Right.create$/));
    expect(lines).not.toContain('');
  });

  it('starts with a parameter that its path does not have, for a guard may put it there, and the report says so', async () => {
    @Controller('strange')
    class Strange {
      @Get(':id')
      @Cached({ ttl: 60, prefix: 'strange', tags: ['book:{bookId}'], shape: '1' })
      read(@Param('bookId') bookId: string) {
        return { bookId };
      }

      @Post(':bookId\\:lend')
      @InvalidateCache('book:{bookId}')
      lend(@Param('bookId') bookId: string) {
        return { bookId };
      }

      @Get('files/*rest')
      @Cached({ ttl: 60, prefix: 'files', tags: ['book:{rest}'], shape: '1' })
      files(@Param('rest') rest: string[]) {
        return { rest };
      }
    }

    const { app } = await startCachedApp({ adapter: 'express', controllers: [Strange] });
    const { warnings } = app.get(CacheGraph).report();
    await app.close();

    expect(warnings).toEqual([
      { kind: 'strange-parameter', isHard: false, methods: ['Strange.read (bookId)'] },
    ]);
  });

  it('does not start with two caches, of which each would keep what the other invalidates', async () => {
    @Module({ imports: [CacheModule.forRoot({})] })
    class Feature {}

    await expect(startCachedApp({ features: [Feature] })).rejects.toMatchObject({
      faults: [{ code: 'CACHE_INVALID_OPTIONS', message: expect.stringContaining('forRoot') }],
    });
  });

  it('does not start with a cache that is imported without forRoot, and is told so', async () => {
    await expect(Test.createTestingModule({ imports: [CacheModule] }).compile()).rejects.toThrow(
      'CacheModule.forRoot',
    );
  });

  it('does not start where the second of two modules gives a controller what knows who asks', async () => {
    @Controller('twice')
    class Twice {
      constructor(@Inject('who') private readonly who: string) {}

      @Get()
      @Cached(60)
      read() {
        return { who: this.who };
      }
    }
    @Module({ controllers: [Twice], providers: [{ provide: 'who', useValue: 'nobody' }] })
    class Open {}
    const who = { provide: 'who', scope: Scope.REQUEST, useFactory: () => 'ada' };
    @Module({ controllers: [Twice], providers: [who] })
    class Personal {}
    const paths = [
      { path: 'open', module: Open },
      { path: 'personal', module: Personal },
    ];
    @Module({ imports: [Open, Personal, RouterModule.register(paths)] })
    class Both {}

    await expect(startCachedApp({ features: [Both] })).rejects.toMatchObject({
      faults: [{ code: 'CACHE_UNDECLARED_INPUT', message: expect.stringContaining('Twice.read') }],
    });
  });

  it('does not start either where it serves no HTTP', async () => {
    @Module({ imports: [CacheModule.forRoot({})], providers: [WrongService] })
    class Worker {}

    await expect(
      NestFactory.createApplicationContext(Worker, { logger: false, abortOnError: false }),
    ).rejects.toMatchObject({
      faults: [
        { code: 'CACHE_UNKNOWN_TEMPLATE_NAME' },
        { code: 'CACHE_UNKNOWN_TEMPLATE_NAME' },
        { code: 'CACHE_UNKNOWN_TEMPLATE_NAME' },
        { code: 'CACHE_INVALID_OPTIONS' },
        { code: 'CACHE_INVALID_OPTIONS', message: expect.stringContaining('Make it async') },
      ],
    });
  });

  it('has opened no connection, which would keep the process from ending', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const redis = { url: `redis://127.0.0.1:${port}` };
    @Module({ imports: [CacheModule.forRoot({ redis })], providers: [WrongService] })
    class Worker {}

    await expect(
      NestFactory.createApplicationContext(Worker, { logger: false, abortOnError: false }),
    ).rejects.toBeInstanceOf(CacheBootError);

    // A server lets its clients in one after the other.
    await once(connect(port, '127.0.0.1'), 'close');
    expect(connections).toBe(1);
    server.close();
  });
});

it.each([
  [{ redis: { url: 'http://nowhere' } }],
  [{ redis: { url: 'redis://user:p%zz@host' } }],
  [{ redis: { url: 'redis://:one@host', password: 'two' } }],
  [{ redis: { url: 'redis://h', maxConnections: 0 } }],
  [{ namespace: 'a*' }],
  [{ redis: { url: 'redis://h' }, ...simulateInstances(1, new FakeClock())[0] }],
  [{ refreshAhead: 2 }],
  [{ auditRate: 2 }],
  [{ maxBytes: 0 }],
])('an application does not start with options that make no sense: %j', async (given) => {
  await expect(startCachedApp({ options: given })).rejects.toMatchObject({ code: 'CACHE_INVALID_OPTIONS' });
});
