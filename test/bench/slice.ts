import type { Bench, Subject } from './bench.js';
import type { LoadRequest } from './load.js';
import { short } from './report.js';
import { median } from './statistics.js';

/** In which a new process compiles what it does often: it takes up to twice the CPU in the first second, s. */
export const WARM_UP_SECONDS = 3;

/** What one contender did in a slice of load. */
export interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number;
  readonly serverLoad: number;
  /** Share of the answers that a handler built. */
  readonly built: number;
}

/** As many requests as are answered in so many seconds, over 64 connections. */
export async function measure(
  { rates }: Bench,
  subject: Subject,
  requests: LoadRequest[],
  seconds: number,
  status: 200 | 304 = 200,
): Promise<Sample> {
  const before = await subject.usage();
  const result = await rates.run({ url: subject.url, requests, status, seconds });
  const after = await subject.usage();
  const cpuMs = after.cpuMs - before.cpuMs;
  return {
    perSecond: result.perSecond,
    p99Ms: result.p99Ms,
    cpuMicroseconds: (cpuMs * 1000) / result.answers,
    serverLoad: cpuMs / 1000 / result.seconds,
    built: (after.built - before.built) / result.answers,
  };
}

export function rateOf({ perSecond }: Sample): number {
  return perSecond;
}

/** What is answered with a second of CPU: the generator and Redis take nothing of it. */
export function perCpuSecondOf({ cpuMicroseconds }: Sample): number {
  return 1_000_000 / cpuMicroseconds;
}

/** The median of all. */
export function rate(samples: readonly Sample[]): number {
  return median(samples.map(rateOf));
}

/** The median of all, with its unit. */
export function cpuText(samples: readonly Sample[]): string {
  return `${short(median(samples.map(({ cpuMicroseconds }) => cpuMicroseconds)))} µs`;
}
