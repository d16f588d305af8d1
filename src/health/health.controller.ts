import { Controller, Get, Header, HttpStatus, Res } from '@nestjs/common';
import { ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { SkipThrottle } from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/access.decorator.js';
import { HealthDto, ProbeDto } from './health.dto.js';
import { HealthService } from './health.service.js';

@ApiTags('health')
@Public()
@SkipThrottle()
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  /** How the service is: 200 as long as it can serve, 503 without its database */
  @Get()
  @Header('cache-control', 'no-store')
  @ApiOkResponse({
    type: HealthDto,
    description:
      'It serves; while the cache cannot use Redis, or invalidations are held up, it is `degraded`',
  })
  @ApiServiceUnavailableResponse({ type: HealthDto, description: 'The database is away' })
  async overview(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthDto> {
    const overview = await this.health.overview();
    if (overview.status === 'unhealthy') void reply.code(HttpStatus.SERVICE_UNAVAILABLE);
    return overview;
  }

  /** Whether the process is alive; depends on nothing else */
  @Get('live')
  @Header('cache-control', 'no-store')
  live(): ProbeDto {
    return { status: 'ok' };
  }

  /** Whether this process should get traffic */
  @Get('ready')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: ProbeDto, description: '`ok` or `degraded`' })
  @ApiServiceUnavailableResponse({
    type: ProbeDto,
    description: '`starting`, `unavailable` or `shutting_down`',
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ProbeDto> {
    const status = await this.health.readiness();
    if (status !== 'ok' && status !== 'degraded') void reply.code(HttpStatus.SERVICE_UNAVAILABLE);
    return { status };
  }

  /** Whether the start is over: the database is connected and migrated. Stays so once it was */
  @Get('startup')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: ProbeDto })
  @ApiServiceUnavailableResponse({ type: ProbeDto, description: '`starting`' })
  startup(@Res({ passthrough: true }) reply: FastifyReply): ProbeDto {
    if (this.health.hasStarted) return { status: 'ok' };
    void reply.code(HttpStatus.SERVICE_UNAVAILABLE);
    return { status: 'starting' };
  }
}
