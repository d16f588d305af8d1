import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { EventLoop } from '../telemetry/event-loop.js';

/** Whether the process keeps up with its work: if not, others should take the traffic. */
@Injectable()
export class EventLoopHealth {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly eventLoop: EventLoop,
  ) {}

  present() {
    const check = this.indicators.check('event_loop');
    return this.eventLoop.isBehind ? check.down() : check.up();
  }
}
