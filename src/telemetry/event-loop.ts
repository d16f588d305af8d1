import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Environment } from '../config/environment.js';

const resolutionMs = 20;
const sampleMs = 500;
/** One late sample may be a mere pause, such as a garbage collection, or a machine that was busy with something else. */
const lateSamplesToBeBehind = 2;

/** Tells whether the process keeps up with its work. */
@Injectable()
export class EventLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #tooLateMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lateSamples = 0;

  constructor({ MAX_EVENT_LOOP_DELAY_MS }: Environment) {
    this.#tooLateMs = MAX_EVENT_LOOP_DELAY_MS || Infinity;
  }

  /** Whether timers have run too late for some time. */
  get isBehind(): boolean {
    return this.#lateSamples >= lateSamplesToBeBehind;
  }

  onApplicationBootstrap(): void {
    this.#delay.enable();
    let sampledAtMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.sample(latenessMs(this.#delay.mean / 1e6, nowMs - sampledAtMs));
      sampledAtMs = nowMs;
      this.#delay.reset();
    }, sampleMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  /** @param lateMs  how late timers ran since the last sample, see {@link latenessMs} */
  sample(lateMs: number): void {
    this.#lateSamples = lateMs > this.#tooLateMs ? this.#lateSamples + 1 : 0;
  }
}

/**
 * How late timers ran since the last sample, ms.
 *
 * @param meanTickMs  the mean time between two ticks of the monitor; `NaN` if turns were so long that there were no two
 * @param elapsedMs   the time since the last sample
 */
export function latenessMs(meanTickMs: number, elapsedMs: number): number {
  const tickMs = Number.isNaN(meanTickMs) ? elapsedMs : meanTickMs;
  return Math.max(tickMs - resolutionMs, elapsedMs - sampleMs);
}
