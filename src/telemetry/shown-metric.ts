import type { Metric, Registry } from 'prom-client';

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
