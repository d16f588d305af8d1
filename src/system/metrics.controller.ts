import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { SkipThrottle } from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/access.decorator.js';
import { Environment } from '../config/environment.js';
import { Problem } from '../http/problem.js';
import { Metrics } from '../telemetry/metrics.js';

/** Open, as scrapers carry no tokens, and as there is nothing about anybody in it. */
@ApiTags('service')
@Public()
@SkipThrottle()
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly environment: Environment,
  ) {}

  /** What the service measures of itself, for Prometheus; 404 if METRICS_ENABLED is off */
  @Get()
  @Header('cache-control', 'no-store')
  @ApiOkResponse({
    content: { 'text/plain': { schema: { type: 'string' } } },
    description: 'Text format 0.0.4',
  })
  async text(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    if (!this.environment.METRICS_ENABLED) throw new Problem('not_found', 'METRICS_ENABLED is off.');
    void reply.header('content-type', this.metrics.contentType);
    return this.metrics.text();
  }
}
