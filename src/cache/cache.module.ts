import {
  type DynamicModule,
  Global,
  Module,
  type NestModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './cache.module-definition.js';
import type { CacheModuleOptions } from './cache.options.js';
import { CacheParts } from './cache.parts.js';
import { CacheService } from './cache.service.js';
import { CacheEngine } from './engine/cache-engine.js';
import { CacheGraph } from './graph/cache-graph.js';
import { DecoratedMethods } from './graph/decorated-methods.js';
import { reportLines } from './graph/report-lines.js';
import { CacheDoor } from './http/cache-door.guard.js';
import { CacheLoader } from './http/cache-loader.interceptor.js';
import { InvalidationNotice } from './http/invalidation-notice.js';
import { RoutePaths } from './http/route-paths.js';
import { RoutePlans } from './http/route-plans.js';
import { Invalidations } from './methods/invalidations.js';
import { MethodCache } from './methods/method-cache.js';
import { RedisService } from './redis/redis.service.js';
import { resolveOptions } from './resolve-options.js';

/** One cache for the whole application: import it once, with `forRoot` or `forRootAsync`. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    {
      provide: CacheParts,
      useFactory: (options: CacheModuleOptions) => new CacheParts(resolveOptions(options)),
      inject: [MODULE_OPTIONS_TOKEN],
    },
    { provide: CacheEngine, useFactory: (parts: CacheParts) => parts.engine, inject: [CacheParts] },
    { provide: RedisService, useFactory: (parts: CacheParts) => parts.redis, inject: [CacheParts] },
    {
      provide: CacheService,
      useFactory: (parts: CacheParts, methods: MethodCache) => {
        const { engine, statistics, backlog, following, options } = parts;
        const store = options.enabled ? parts.store : undefined;
        return new CacheService(engine, methods, store, statistics, backlog, following);
      },
      inject: [CacheParts, MethodCache],
    },
    {
      provide: MethodCache,
      useFactory: ({ engine, emit, options: { outbox, policy } }: CacheParts) =>
        new MethodCache(engine, new Invalidations(engine, outbox, emit), policy, emit),
      inject: [CacheParts],
    },
    CacheDoor,
    CacheGraph,
    CacheLoader,
    DecoratedMethods,
    RoutePaths,
    InvalidationNotice,
    RoutePlans,
  ],
  exports: [
    CacheDoor,
    CacheEngine,
    CacheGraph,
    CacheLoader,
    CacheService,
    MethodCache,
    RedisService,
    RoutePlans,
  ],
})
export class CacheModule
  extends ConfigurableModuleClass
  implements NestModule, OnModuleInit, OnApplicationShutdown
{
  #isStarted = false;

  constructor(
    private readonly parts: CacheParts,
    private readonly graph: CacheGraph,
    private readonly methods: MethodCache,
  ) {
    super();
  }

  /**
   * @param options  all are optional; without `redis` the cache is in the memory of this process
   * @throws {CacheError} while the application starts: `CACHE_INVALID_OPTIONS`; `CACHE_BOOT_FAILED`, with a line for each
   *   mistake in a decorator
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** The last moment before Nest captures each route's guards, interceptors and handler. */
  configure(): void {
    this.#start();
  }

  /** Where no HTTP is served, such as in a worker, Nest asks nobody to configure. */
  async onModuleInit(): Promise<void> {
    this.#start();
    await this.parts.waitForRedis();
  }

  /** After the HTTP server has drained: requests under way may still use the store. */
  async onApplicationShutdown(): Promise<void> {
    await this.methods.invalidations.close();
    await this.parts.close();
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.graph.build(this.parts.options);
    for (const prefix of this.graph.prefixes) this.parts.statistics.expect(prefix);
    const lines = reportLines(this.graph.report());
    for (const line of lines.filter(Boolean)) this.parts.tell({ event: 'cache.graph', line });
    for (const method of this.graph.shapeless) this.parts.emit({ event: 'cache.shape_unknown', method });
    this.parts.start();
  }
}
