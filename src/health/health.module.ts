import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DatabaseHealth } from './database.health.js';
import { EventLoopHealth } from './event-loop.health.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';
import { InvalidationHealth } from './invalidation.health.js';
import { RedisHealth } from './redis.health.js';
import { ShutdownState } from './shutdown-state.js';

@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [DatabaseHealth, EventLoopHealth, HealthService, InvalidationHealth, RedisHealth, ShutdownState],
  exports: [HealthService, ShutdownState],
})
export class HealthModule {}
