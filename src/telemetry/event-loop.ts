import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Environment } from '../config/environment.js';

const resolutionMs = 20;
const sampleMs = 500;
/** One late sample is a pause, such as a garbage collection or a machine that had other things to do. */
const lateSamplesToBeBehind = 2;

/** Whether the process keeps up with what comes. */
@Injectable()
export class EventLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #tooLateMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lateSamples = 0;

  constructor({ MAX_EVENT_LOOP_DELAY_MS }: Environment) {
    this.#tooLateMs = MAX_EVENT_LOOP_DELAY_MS || Infinity;
  }

  /** Timers have run too late for some time. */
  get isBehind(): boolean {
    return this.#lateSamples >= lateSamplesToBeBehind;
  }

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
    this.#lateSamples = lateMs > this.#tooLateMs ? this.#lateSamples + 1 : 0;
  }
}
