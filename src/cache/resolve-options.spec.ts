import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { CacheModuleOptions } from './cache.options.js';
import { defaultPolicy } from './engine/entry-policy.js';
import { resolveOptions } from './resolve-options.js';
import { FakeClock, simulateInstances } from './testing/index.js';

const url = 'redis://h';

function refusalOf(options: unknown): string {
  try {
    resolveOptions(options as CacheModuleOptions);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CACHE_INVALID_OPTIONS' });
    return (error as Error).message;
  }
  return 'not refused';
}

/** As Express types its own. */
interface ExpressRequest extends IncomingMessage {
  readonly originalUrl: string;
  readonly url: string;
  readonly method: string;
  readonly params: Record<string, string | string[]>;
  readonly query: Record<string, undefined | string | object>;
  readonly user?: { readonly id: string };
}

describe('the options of the module', () => {
  it('take functions of what an adapter hands out', () => {
    const options: CacheModuleOptions = {
      principal: (request: ExpressRequest) => request.user?.id,
      tenant: (request: FastifyRequest) => String(request.headers['x-tenant']),
    };

    expect(refusalOf(options)).toBe('not refused');
  });

  it('take functions of the little that they read of it', () => {
    const options: CacheModuleOptions[] = [
      { principal: (request: { user?: { id: string } }) => request.user?.id },
      { principal: ({ principal }: { readonly principal?: { sub: string } }) => principal?.sub },
      { principal: (request) => (request.user as { id: string } | undefined)?.id },
      { tenant: (request: { tenant?: string }) => request.tenant },
    ];

    for (const one of options) expect(refusalOf(one)).toBe('not refused');
  });

  it('are complete, whatever is left out', () => {
    expect(resolveOptions({})).toMatchObject({
      name: 'cache',
      enabled: true,
      redis: undefined,
      namespace: '',
      maxBytes: 67_108_864,
      jitter: 0.1,
      auditRate: 0.001,
      bulkhead: { concurrency: 32, maxWaiting: 1000, maxWaitMs: 2000 },
      compress: true,
      policy: defaultPolicy,
      requestBudgetMs: 50,
    });
    expect(resolveOptions({ redis: { url }, bulkhead: { concurrency: 8 } })).toMatchObject({
      redis: {
        target: { kind: 'server', login: { clientName: 'cache-cache' } },
        maxConnections: 50,
        pool: false,
        socketTimeoutMs: 1000,
        connectTimeoutMs: 5000,
        retryOnTimeout: true,
        commandTimeoutMs: 50,
      },
      bulkhead: { concurrency: 8, maxWaiting: 1000, maxWaitMs: 2000 },
    });
  });

  it('are what was said', () => {
    const given = {
      name: 'shop',
      enabled: false,
      namespace: 'shop:',
      maxBytes: 0,
      jitter: 0,
      auditRate: 1,
      bulkhead: { concurrency: 1, maxWaiting: 0, maxWaitMs: 0 },
      compress: false,
    };

    expect(resolveOptions({ ...given, grace: '1m', redis: { url, commandTimeoutMs: 20 } })).toMatchObject({
      ...given,
      policy: { ...defaultPolicy, graceMs: 60_000 },
      requestBudgetMs: 20,
    });
  });

  it.each<[refusal: string, options: unknown]>([
    ["enabled must be true or false, not 'false'", { enabled: 'false' }],
    [
      "name must be a token such as shop, from a letter on, of up to 64 characters, not 'my shop'",
      { name: 'my shop' },
    ],
    ['name must be', { name: '' }],
    ['name must be', { name: '1st' }],
    ['name must be', { name: 'a;b' }],
    ['name must be', { name: 'a\n' }],
    ['compress must be true or false, not 0', { compress: 0 }],
    ['maxBytes must be a whole number, 0 to 9,007,199,254,740,991, not NaN', { maxBytes: NaN }],
    ['maxBytes must be', { maxBytes: -1 }],
    ['maxBytes must be', { maxBytes: Infinity }],
    ["maxBytes must be a whole number, 0 to 9,007,199,254,740,991, not '64'", { maxBytes: '64' }],
    ['maxBytes: 0 leaves entries to Redis', { maxBytes: 0 }],
    ['jitter must be a part of a TTL, 0 to 1, not 10', { jitter: 10 }],
    ['jitter must be', { jitter: -0.1 }],
    ['jitter must be', { jitter: NaN }],
    ['auditRate must be a part of the hits, 0 to 1, not 2', { auditRate: 2 }],
    ['auditRate must be', { auditRate: '0.5' }],
    ['bulkhead.concurrency must be a whole number, 1 to', { bulkhead: { concurrency: 0 } }],
    ['bulkhead.maxWaiting must be a whole number, 0 to', { bulkhead: { maxWaiting: 1.5 } }],
    [
      'bulkhead.maxWaitMs must be a number of ms, 0 to 600,000, not Infinity',
      { bulkhead: { maxWaitMs: Infinity } },
    ],
    ["namespace must be a text of letters, digits and . : - _, not 'a*'", { namespace: 'a*' }],
    ['namespace must be', { namespace: 7 }],
    ['refreshAhead is a part of the TTL', { refreshAhead: 2 }],
    ['redis.maxConnections must be a whole number, 1 to', { redis: { url, maxConnections: 0 } }],
    ['redis.pool must be true or false', { redis: { url, pool: 'yes' } }],
    ['redis.retryOnTimeout must be true or false', { redis: { url, retryOnTimeout: 1 } }],
    ['redis.connectTimeoutMs must be a number of ms', { redis: { url, connectTimeoutMs: 0 } }],
    [
      'redis.socketTimeoutMs must be a number of ms, 100 to 1,000, not 5000',
      { redis: { url, socketTimeoutMs: 5000 } },
    ],
    ['redis.socketTimeoutMs must be', { redis: { url, socketTimeoutMs: NaN } }],
    ['redis.commandTimeoutMs must be a number of ms', { redis: { url, commandTimeoutMs: 2 ** 31 } }],
    ['give exactly one of', { redis: {} }],
    ["CacheModule: there is no option 'redisUrl'. There are: name, enabled, redis,", { redisUrl: url }],
    ["CacheModule, redis: there is no option 'host'. There are: url,", { redis: { url, host: 'h' } }],
    ["CacheModule, bulkhead: there is no option 'max'", { bulkhead: { max: 3 } }],
    ["onEvent must be a function, not 'log'", { onEvent: 'log' }],
    ['principal must be a function', { principal: { id: 1 } }],
    ["tenant must be a function, not 'x-tenant'", { tenant: 'x-tenant' }],
    ['admission must be a function', { admission: true }],
    ["shapeOf must be a function, not 'v1'", { shapeOf: 'v1' }],
    ['principalDecorators must be a list of decorators', { principalDecorators: 'CurrentUser' }],
    ['principalDecorators must be a list of decorators', { principalDecorators: ['CurrentUser'] }],
    ['clock must be an object with monotonicMs and schedule, not [Function: now]', { clock: Date.now }],
    ['clock must be', { clock: { monotonicMs: Date.now } }],
    ['clock must be', { clock: null }],
    ['tracer must be an object with load and invalidate', { tracer: {} }],
    ['give store', { backplane: simulateInstances(1, new FakeClock())[0]!.backplane }],
    ['a store says by isShared', { store: { kind: 'redis' } }],
    ['not both', { redis: { url }, ...simulateInstances(1, new FakeClock())[0] }],
  ])('are refused with "%s" when they are %j', (refusal, options) => {
    expect(refusalOf(options)).toContain(refusal);
  });

  it('may leave entries to Redis, or to a store, or to nobody', () => {
    const { store } = simulateInstances(1, new FakeClock())[0]!;

    for (const shared of [{ redis: { url } }, { store }, { enabled: false }]) {
      expect(resolveOptions({ maxBytes: 0, ...shared }).maxBytes).toBe(0);
    }
  });
});
