import {
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type INestApplication,
  type NestApplicationOptions,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

/** A server under measurement. */
export interface Server {
  readonly url: string;
  /** The application behind it, if it is one of Nest. */
  readonly app?: INestApplication;
  close(): Promise<unknown>;
}

/** One way of answering the same requests with the same bytes. */
export interface Contender {
  /** What it is, as the report explains it. */
  readonly description: string;
  /**
   * @param name       keeps its keys in Redis apart from those of others
   * @param sourceUrl  where caches that are shared by processes have what changes from. Default: nothing changes
   */
  start(redisUrl: string, name: string, sourceUrl?: string): Promise<Server>;
}

export type Adapter = 'fastify' | 'express';

/** Lets everybody in: what it costs that an application asks at all. */
@Injectable()
class OpenGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

export function Guarded(isGuarded: boolean): MethodDecorator {
  return isGuarded ? UseGuards(OpenGuard) : () => undefined;
}

@Module({})
class BenchModule {}

/** An application with nothing but these parts, on a free port, with the adapters' own settings. */
export async function serve(
  parts: Omit<DynamicModule, 'module'>,
  adapter: Adapter = 'fastify',
): Promise<Server> {
  const module = { module: BenchModule, ...parts };
  const app = await (adapter === 'fastify' ? onFastify(module) : onExpress(module));
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), app, close: () => app.close() };
}

const options: NestApplicationOptions = { logger: ['error', 'fatal'] };

function onFastify(module: DynamicModule): Promise<INestApplication> {
  return NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), options);
}

async function onExpress(module: DynamicModule): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(module, new ExpressAdapter(), options);
  // Express would hash every body for an entity tag: a limit need not.
  app.disable('etag');
  return app;
}
