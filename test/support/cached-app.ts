import type { Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { INestApplication, Provider } from '@nestjs/common';
import { CacheModule, type CacheModuleOptions } from '../../src/cache/index.js';

export const adapters = {
  fastify: () => new FastifyAdapter(),
  express: () => new ExpressAdapter(),
} as const;

/** A small application of its own around the cache module, listening on a free port. */
export async function startCachedApp({
  adapter = 'fastify',
  controllers = [],
  providers = [],
  options = {},
  configure,
}: {
  adapter?: keyof typeof adapters;
  controllers?: Type[];
  providers?: Provider[];
  options?: CacheModuleOptions;
  configure?: (app: INestApplication) => void;
}): Promise<{ app: INestApplication; url: string }> {
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot({ jitter: 0, ...options })],
    controllers,
    providers,
  }).compile();
  const app = module.createNestApplication(adapters[adapter](), { logger: false });
  configure?.(app);
  try {
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw error;
  }
  return { app, url: await app.getUrl() };
}
