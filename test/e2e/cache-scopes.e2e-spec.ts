import { Controller, Get, type INestApplication } from '@nestjs/common';
import { Cached, CacheService } from '../../src/cache/index.js';
import { expectHit, expectMiss } from '../../src/cache/testing/index.js';
import { adapters, startCachedApp } from '../support/cached-app.js';
import { rawRequest, type RawAnswer } from '../support/raw-request.js';

interface Asking {
  readonly user?: unknown;
  readonly tenant?: unknown;
}

/** Who asks, and on whose behalf. No guard refuses who says nothing. */
let asking: Asking;
let runs: number;

@Controller()
class ScopedController {
  @Get('user')
  @Cached({ ttl: 60, prefix: 'of_user', scope: 'user' })
  ofUser() {
    return { run: ++runs };
  }

  @Get('tenant')
  @Cached({ ttl: 60, prefix: 'of_tenant', scope: 'tenant' })
  ofTenant() {
    return { run: ++runs };
  }
}

describe.each(Object.keys(adapters) as (keyof typeof adapters)[])('answers of one scope on %s', (adapter) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    ({ app, url } = await startCachedApp({
      adapter,
      controllers: [ScopedController],
      options: {
        principal: () => asking.user as string | undefined,
        tenant: () => asking.tenant as string | undefined,
      },
    }));
  });

  beforeEach(async () => {
    runs = 0;
    await app.get(CacheService).clear();
  });

  afterAll(() => app.close());

  async function ask(path: string, by: Asking, method = 'GET'): Promise<RawAnswer> {
    asking = by;
    const answer = await rawRequest(`${url}/${path}`, { method });
    await app.get(CacheService).settle();
    return answer;
  }

  it.each<[string, string, Asking, Asking]>([
    ['two users', 'user', { user: 'ada' }, { user: 'grace' }],
    ['two users of one tenant', 'user', { user: 'ada', tenant: 'one' }, { user: 'grace', tenant: 'one' }],
    ['two tenants', 'tenant', { tenant: 'one' }, { tenant: 'two' }],
    ['one user in two tenants', 'tenant', { user: 'ada', tenant: 'one' }, { user: 'ada', tenant: 'two' }],
  ])('are kept for each, and given to no other: %s', async (_, path, one, two) => {
    const misses = [await ask(path, one), await ask(path, two)];
    const hits = [await ask(path, one), await ask(path, two)];

    misses.forEach(expectMiss);
    hits.forEach(expectHit);
    expect([...misses, ...hits].map(({ text }) => text)).toEqual([1, 2, 1, 2].map((run) => `{"run":${run}}`));
  });

  it.each<[string, string, Asking, Asking]>([
    ['one user in two tenants', 'user', { user: 'ada', tenant: 'one' }, { user: 'ada', tenant: 'two' }],
    ['two users of one tenant', 'tenant', { user: 'ada', tenant: 'one' }, { user: 'grace', tenant: 'one' }],
  ])('are shared by all whom the scope does not tell apart: %s', async (_, path, one, two) => {
    expectMiss(await ask(path, one));
    expectHit(await ask(path, two));
  });

  it.each(
    ['user', 'tenant'].flatMap((scope) => [undefined, null, ''].map((nobody) => [scope, nobody] as const)),
  )('are made for each request, and nobody’s to keep, where the %s is %p', async (scope, nobody) => {
    // Whom the other scope would name shares nothing either.
    const by = { user: 'ada', tenant: 'one', [scope]: nobody };

    const answers = [await ask(scope, by), await ask(scope, by)];

    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, '{"run":1}'],
      [200, '{"run":2}'],
    ]);
    for (const { headers } of [...answers, await ask(scope, by, 'HEAD')]) {
      expect(headers).toMatchObject({
        'x-cache': 'BYPASS',
        'cache-status': 'ai-native; fwd=bypass; detail=nobody-to-share-with',
        'cache-control': 'private, no-cache',
      });
    }
    expect(runs).toBe(3);
  });
});
