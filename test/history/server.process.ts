// One process of a small service: numbered versions in PostgreSQL, read through the cache. Says its port and its clock to
// its parent, and ends with it.
import 'reflect-metadata';
import { setTimeout as wait } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { CacheModule } from '../../src/cache/index.js';
import { TypeormOutbox } from '../../src/cache/outbox/typeorm.outbox.js';
import { requestPool } from '../../src/database/data-source.js';
import type { Listening } from './bed.js';
import { dieOwing } from './held-moments.js';
import { plant, type PlantedFault } from './planted-faults.js';
import {
  CurrentUser,
  InvalidatesFirstController,
  ReadsController,
  userOf,
  WritesController,
} from './versions.controllers.js';
import { Versions } from './versions.js';

const { REDIS_URL = '', DATABASE_URL = '', PLANTED, DIES_OWING, HOLDS_READS } = process.env;
/** As the service has it by default. */
const pool = requestPool(
  {
    DATABASE_URL,
    DATABASE_POOL_SIZE: 10,
    DATABASE_CONNECT_TIMEOUT_MS: 2000,
    DATABASE_QUEUE_TIMEOUT_MS: 500,
    DATABASE_STATEMENT_TIMEOUT_MS: 2000,
    DATABASE_QUERY_TIMEOUT_MS: 2400,
    DATABASE_LOCK_TIMEOUT_MS: 1500,
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

plant(PLANTED as PlantedFault | undefined, REDIS_URL);
if (DIES_OWING) dieOwing(DIES_OWING);

@Module({
  imports: [
    CacheModule.forRoot({
      redis: { url: REDIS_URL },
      outbox: new TypeormOutbox(dataSource, { followed: true }),
      principal: PLANTED === 'key-without-the-user' ? () => 'anybody' : userOf,
      principalDecorators: [CurrentUser],
    }),
  ],
  controllers: [
    ReadsController,
    PLANTED === 'invalidates-before-commit' ? InvalidatesFirstController : WritesController,
  ],
  providers: [
    { provide: DataSource, useValue: dataSource },
    { provide: Versions, useValue: new Versions(dataSource, HOLDS_READS !== undefined) },
  ],
})
class VersionsModule {}

const app = await NestFactory.create(VersionsModule, new FastifyAdapter(), { logger: false });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit(0));
const { port } = (app.getHttpServer() as { address(): { port: number } }).address();
process.send?.({ port, clocksMs: [Date.now(), new Date().getTime()] } satisfies Listening);
