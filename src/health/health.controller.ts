import { Controller, Get, Header } from '@nestjs/common';
import { Public } from '../access/access.decorator.js';

/** What a probe may know. */
export class ProbeAnswer {
  /**
   * `ok`: everything is there; `degraded`: it serves, but something it can do without is missing
   * @example "ok"
   */
  status!: string;
}

@Public()
@Controller('health')
export class HealthController {
  /** Whether the process is alive; depends on nothing else */
  @Get('live')
  @Header('cache-control', 'no-store')
  live(): ProbeAnswer {
    return { status: 'ok' };
  }
}
