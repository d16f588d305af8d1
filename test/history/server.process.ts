// One process of a small service: numbered versions in PostgreSQL, read through the cache. Says its port and its clock to
// its parent, and ends with it.
import 'reflect-metadata';
import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Get, Inject, Module, Param, Post, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { Cached, CacheModule, CacheService, InvalidateCache } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { requestPool } from '../../src/database/data-source.js';
import type { Listening } from './bed.js';
import { dieOwing, heldRead } from './held-moments.js';
import { plant, type PlantedFault } from './planted-faults.js';

const { REDIS_URL = '', DATABASE_URL = '', CONSISTENCY, PLANTED, DIES_OWING, HOLDS_READS } = process.env;
const consistency = CONSISTENCY === 'bounded' ? 'bounded' : 'strong';

/** An answer of the database is on its way for so long that a write may overtake it, one of sixteen that several may. */
const [ANSWER_MS, SLOW_ANSWER_MS] = [15, 80];
let answers = 0;

interface Versioned {
  readonly key: number;
  readonly version: number;
}

/** As the service has it by default. */
const pool = requestPool(
  {
    DATABASE_URL,
    DATABASE_POOL_SIZE: 10,
    DATABASE_CONNECT_TIMEOUT_MS: 2000,
    DATABASE_QUEUE_TIMEOUT_MS: 500,
    DATABASE_STATEMENT_TIMEOUT_MS: 2000,
    DATABASE_QUERY_TIMEOUT_MS: 2400,
    DATABASE_LOCK_TIMEOUT_MS: 1000,
    DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: 5000,
    DATABASE_MAX_LIFETIME: 1800,
  },
  () => undefined,
);
const dataSource = await connected();

/** A busy machine keeps a start waiting; the bed says when it has waited for too long. */
async function connected(): Promise<DataSource> {
  try {
    return await new DataSource(pool).initialize();
  } catch (error) {
    process.stderr.write(`no database yet: ${(error as Error).message}\n`);
    await wait(100);
    return connected();
  }
}

async function read(key: string): Promise<Versioned> {
  const [row] = await dataSource.query<Versioned[]>('SELECT key, version FROM versions WHERE key = $1', [
    key,
  ]);
  if (HOLDS_READS) await heldRead();
  await wait(++answers % 16 === 0 ? SLOW_ANSWER_MS : ANSWER_MS);
  return row!;
}

async function write(key: string): Promise<Versioned> {
  return dataSource.transaction(async (manager) => {
    const [rows] = await manager.query<[Versioned[]]>(
      'UPDATE versions SET version = version + 1 WHERE key = $1 RETURNING key, version',
      [key],
    );
    return rows[0]!;
  });
}

@Controller('versions')
class VersionsController {
  @Get(':key')
  @Cached({ ttl: 600, prefix: 'version', tags: ['version:{key}'], consistency })
  get(@Param('key') key: string): Promise<Versioned> {
    return read(key);
  }

  @Post(':key')
  @InvalidateCache('version:{key}')
  write(@Param('key') key: string): Promise<Versioned> {
    return write(key);
  }
}

/** The mistake that everybody makes once. */
@Controller('versions')
class InvalidatesFirstController {
  constructor(@Inject(CacheService) private readonly cache: CacheService) {}

  @Get(':key')
  @Cached({ ttl: 600, prefix: 'version', tags: ['version:{key}'], consistency })
  get(@Param('key') key: string): Promise<Versioned> {
    return read(key);
  }

  @Post(':key')
  async write(@Param('key') key: string): Promise<Versioned> {
    await this.cache.invalidate(`version:${key}`);
    return write(key);
  }
}

plant(PLANTED as PlantedFault | undefined, REDIS_URL);
if (DIES_OWING) dieOwing(DIES_OWING);
const controller: Type =
  PLANTED === 'invalidates-before-commit' ? InvalidatesFirstController : VersionsController;

@Module({
  imports: [CacheModule.forRoot({ redis: { url: REDIS_URL }, outbox: new TypeormOutbox(dataSource) })],
  controllers: [controller],
  providers: [{ provide: DataSource, useValue: dataSource }],
})
class VersionsModule {}

const app = await NestFactory.create(VersionsModule, new FastifyAdapter(), { logger: false });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit(0));
const { port } = (app.getHttpServer() as { address(): { port: number } }).address();
process.send?.({ port, clocksMs: [Date.now(), new Date().getTime()] } satisfies Listening);
