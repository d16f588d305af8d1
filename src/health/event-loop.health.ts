import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';

const resolutionMs = 20;
const sampleMs = 1000;
const tooLateMs = 250;

/** Whether the process keeps up: if timers ran over 250 ms late for two seconds, others should take the traffic. */
@Injectable()
export class EventLoopHealth implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  #timer: NodeJS.Timeout | undefined;
  #lateSamples = 0;

  constructor(private readonly indicators: HealthIndicatorService) {}

  onApplicationBootstrap(): void {
    this.#delay.enable();
    this.#timer = setInterval(() => {
      this.sample(this.#delay.mean / 1e6 - resolutionMs);
      this.#delay.reset();
    }, sampleMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  /** @param lateMs  mean lateness of timers since the last sample */
  sample(lateMs: number): void {
    this.#lateSamples = lateMs > tooLateMs ? this.#lateSamples + 1 : 0;
  }

  present() {
    const check = this.indicators.check('event_loop');
    return this.#lateSamples >= 2 ? check.down() : check.up();
  }
}
