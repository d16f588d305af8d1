// A small service of its own whose cached answers take their time; every run of a handler is counted in Redis, where all
// processes count together. Says its port to its parent, and ends with it; told a time, it does nothing else for so many
// milliseconds.
import 'reflect-metadata';
import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Get, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createClient } from 'redis';
import { Cached, CacheModule, InvalidateCache } from '../../dist/cache/index.js';

const counts = createClient({ url: process.env.COUNTS_URL });
await counts.connect();

class HerdController {
  /** Answers after so many milliseconds. */
  async slow(ms, name) {
    await counts.incr(`runs:${name}`);
    await wait(Number(ms));
    return { name, process: process.pid };
  }

  /** Good for a second, and made in 500 ms. */
  async hot(name) {
    await counts.incr(`runs:${name}`);
    await wait(500);
    return { name };
  }

  /** May be a second behind the writes of other processes. */
  async version(name) {
    return { version: Number(await counts.get(`version:${name}`)) };
  }

  async write(name) {
    return { version: await counts.incr(`version:${name}`) };
  }
}
route('slow', Get('slow/:ms/:name'), ['ms', 'name'], Cached({ ttl: 60 }));
route('hot', Get('hot/:name'), ['name'], Cached({ ttl: 1, grace: 60, softTimeout: 0 }));
route('version', Get('version/:name'), ['name'], Cached({ ttl: 60, consistency: 'bounded' }));
route('write', Post('version/:name'), ['name'], InvalidateCache('version:{name}:*'));
Controller()(HerdController);

// The number of runs is looked at here, not what a busy machine makes of a deadline.
const patience = { commandTimeoutMs: 5000 };

class HerdModule {}
Module({
  imports: [
    CacheModule.forRoot({
      ...(process.env.REDIS_URL ? { redis: { url: process.env.REDIS_URL, ...patience } } : {}),
    }),
  ],
  controllers: [HerdController],
})(HerdModule);

const app = await NestFactory.create(HerdModule, new FastifyAdapter(), { logger: false });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit(0));
process.on('message', (ms) => {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
});
process.send(app.getHttpServer().address().port);

function route(name, http, parameters, cache) {
  const prototype = HerdController.prototype;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  for (const [index, parameter] of parameters.entries()) Param(parameter)(prototype, name, index);
  http(prototype, name, descriptor);
  cache(prototype, name, descriptor);
  Object.defineProperty(prototype, name, descriptor);
}
