import type { Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { INestApplication, Provider } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { CacheModule, CacheService, type CacheModuleOptions } from '../../src/cache/index.js';

export const adapters = {
  fastify: () => new FastifyAdapter(),
  express: () => new ExpressAdapter(),
} as const;

export const eachAdapter = Object.keys(adapters) as (keyof typeof adapters)[];

/** A small application of its own around the cache module, listening on a free port. */
export async function startCachedApp({
  adapter = 'fastify',
  http = adapters[adapter](),
  features = [],
  isCacheFirst = true,
  controllers = [],
  providers = [],
  options = {},
  configure,
}: {
  adapter?: keyof typeof adapters;
  /** In place of the adapter's plain one. */
  http?: AbstractHttpAdapter;
  /** Modules beside the cache's, before or after it. */
  features?: Type[];
  isCacheFirst?: boolean;
  controllers?: Type[];
  providers?: Provider[];
  options?: CacheModuleOptions;
  configure?: (app: INestApplication) => void;
}): Promise<{ app: INestApplication; url: string }> {
  const cache = CacheModule.forRoot({ name: 'ai-native', jitter: 0, auditRate: 0, ...options });
  const module = await Test.createTestingModule({
    imports: isCacheFirst ? [cache, ...features] : [...features, cache],
    controllers,
    providers,
  }).compile();
  const app = module.createNestApplication(http, { logger: false });
  configure?.(app);
  try {
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw error;
  }
  return { app, url: await app.getUrl() };
}

/** What `value` is, once the cache has done all that was left to do behind it. */
export async function settledIn<T>(app: INestApplication, value: Promise<T> | T): Promise<T> {
  const awaited = await value;
  await app.get(CacheService).settle();
  return awaited;
}
