import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiOkResponse, ApiServiceUnavailableResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../access/access.decorator.js';
import { Cached } from '../cache/index.js';
import { CachedAnswer } from '../http/cached-answer.decorator.js';
import { ProblemDto } from '../http/problem.dto.js';
import { DetailedHealthDto } from './detailed-health.dto.js';
import { DetailedHealthService } from './detailed-health.service.js';
import { SystemInfoDto } from './system-info.dto.js';
import { SystemInfoService } from './system-info.service.js';
import { SystemStatsDto } from './system-stats.dto.js';
import { SystemStatsService } from './system-stats.service.js';
import { secondsWithinUtcDay } from './utc-day.js';

const statsTtlSeconds = 30;

@ApiTags('system')
@Access({ admin: 'all' })
@Controller('system')
export class SystemController {
  constructor(
    private readonly statistics: SystemStatsService,
    private readonly information: SystemInfoService,
    private readonly health: DetailedHealthService,
  ) {}

  /** Counts what the service holds and what happens. Kept for 30 seconds, and not beyond midnight UTC. */
  @Get('stats')
  @CachedAnswer()
  @Cached<SystemController['stats']>({
    ttl: ({ timestamp }) => secondsWithinUtcDay(new Date(timestamp), statsTtlSeconds),
    prefix: 'system_stats',
    scope: 'shared',
    tags: ['system'],
    audit: ({ timestamp: _, active_users_24h: __, ...counts }) => counts,
  })
  stats(): Promise<SystemStatsDto> {
    return this.statistics.stats();
  }

  /** Tells what runs here and how it is configured, without any address or secret. */
  @Get('info')
  info(): SystemInfoDto {
    return this.information.info();
  }

  /** Asks the database and Redis how they are. Answers 503 with the same report when the database is away. */
  @Get('health/detailed')
  @ApiOkResponse({ type: DetailedHealthDto })
  @ApiServiceUnavailableResponse({
    description: 'The database is away',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(DetailedHealthDto) } },
      'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } },
    },
  })
  async detailedHealth(@Res({ passthrough: true }) reply: FastifyReply): Promise<DetailedHealthDto> {
    const report = await this.health.report();
    void reply.header('cache-control', 'no-store');
    if (report.status === 'unhealthy') void reply.status(HttpStatus.SERVICE_UNAVAILABLE);
    return report;
  }
}
