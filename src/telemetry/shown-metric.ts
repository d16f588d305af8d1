import type { Metric, Registry } from 'prom-client';
import type { HistogramCounts } from '../cache/index.js';

/** One line of a metric; with a `name` if that differs from the metric's, as in a histogram's buckets. */
export interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

export interface ShownMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Called each time the metrics are read. */
  readonly read: () => readonly Sample[] | Promise<readonly Sample[]>;
}

/**
 * Adds a metric whose values are counted elsewhere. Those of prom-client count by themselves: its counters cannot be set, and
 * its histograms not be filled.
 */
export function show(register: Registry, { name, help, type, read }: ShownMetric): void {
  const described = { name, help, type, aggregator: 'sum' };
  const metric = { ...described, get: async () => ({ ...described, values: await read() }) };
  register.registerMetric(metric as unknown as Metric);
}

/** The samples of a histogram: from ms to s, and each bucket with all below it, as Prometheus wants them. */
export function buckets(
  name: string,
  { bounds, counts, count, sum }: HistogramCounts,
  labels: Sample['labels'],
): Sample[] {
  let below = 0;
  const lines = [...bounds, Infinity].map((bound, bucket): Sample => {
    below += counts[bucket] ?? 0;
    const le = bound === Infinity ? '+Inf' : bound / 1000;
    return { metricName: `${name}_bucket`, value: below, labels: { ...labels, le } };
  });
  return [
    ...lines,
    { metricName: `${name}_sum`, value: sum / 1000, labels },
    { metricName: `${name}_count`, value: count, labels },
  ];
}
