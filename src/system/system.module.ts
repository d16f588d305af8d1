import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { HealthModule } from '../health/health.module.js';
import { DetailedHealthService } from './detailed-health.service.js';
import { MetricsController } from './metrics.controller.js';
import { RedisCheckService } from './redis-check.service.js';
import { RedisStatsService } from './redis-stats.service.js';
import { RedisController } from './redis.controller.js';
import { SystemInfoService } from './system-info.service.js';
import { SystemStatsService } from './system-stats.service.js';
import { SystemController } from './system.controller.js';

/** For operators: counts, configuration, health, the cache, and metrics. */
@Module({
  imports: [AccessModule, HealthModule],
  controllers: [SystemController, RedisController, MetricsController],
  providers: [
    DetailedHealthService,
    RedisCheckService,
    RedisStatsService,
    SystemInfoService,
    SystemStatsService,
  ],
})
export class SystemModule {}
