import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../access/access.decorator.js';
import { RedisCheckService } from './redis-check.service.js';
import { RedisStatsDto } from './redis-stats.dto.js';
import { RedisStatsService } from './redis-stats.service.js';
import { RedisTestDto } from './redis-test.dto.js';

@ApiTags('system')
@Access({ admin: 'all' })
@Controller('system/redis')
export class RedisController {
  constructor(
    private readonly statistics: RedisStatsService,
    private readonly check: RedisCheckService,
  ) {}

  /** Shows this cache's own figures by prefix, and beside them those of the Redis server. */
  @Get('stats')
  stats(): Promise<RedisStatsDto> {
    return this.statistics.stats();
  }

  /** Writes, reads and deletes a value in Redis, and has the cache keep and find an entry there. */
  @Post('test')
  @HttpCode(200)
  test(): Promise<RedisTestDto> {
    return this.check.run();
  }
}
